"""What an application answers beside acknowledgements, as a sender hears it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from transport.test_mllp_server import answer, ask, dial, hang_up, message, said, serving

from iomt_interop.transport import Delivery, Verdict
from iomt_interop.wire.hl7v2.ack import AckError, Outcome
from iomt_interop.wire.hl7v2.responses import give_answer

GIVE = (
    b"MSH|^~\\&|ORDERS|H|PUMP|ICU|20261124||RGV^O15^RGV_O15|%d|P|2.6|||%b\r"
    b"ORC|RE|7^ORDERS\rRXG|1|1||2^x^L|1||ml\rTQ1|1\rRXR|IV\r"
)


def test_the_store_chooses_what_the_application_answers() -> None:
    def store(batch: Sequence[Delivery]) -> list[Verdict]:
        refused = Verdict(Outcome.ERROR, (AckError("204", "RXG(1)-4"),), give_answer)
        return [refused if b"|9|P|" in each.message else Verdict(Outcome.ACCEPTED, (), give_answer) for each in batch]

    async def run() -> None:
        async with serving(store) as server:
            line = await dial(server)
            found = await ask(line, GIVE % (1, b"|"))
            assert (said(found), str(found.segment("MSH")[9])) == (("AA", "1"), "RRG^O16^RRG_O16")
            assert [str(segment[0]) for segment in found] == ["MSH", "MSA", "ORC", "RXG", "TQ1", "RXR"]
            assert str(found["MSH.F10"]) not in ("", "1")
            again = await ask(line, GIVE % (1, b"|"))
            assert str(again) == str(found)  # a repetition
            other = await ask(line, GIVE % (2, b"|"))
            assert (said(other), str(other["ORC.F1"])) == (("AA", "2"), "OK")
            refusal = await ask(line, GIVE % (9, b"|"))
            assert (said(refusal), str(refusal["ORC.F1"])) == (("AE", "9"), "UA")
            commit = await ask(line, GIVE % (3, b"AL|AL"))
            assert (said(commit), str(commit.segment("MSH")[9])) == (("CA", "3"), "ACK^O15^ACK")
            assert str((await answer(line)).segment("MSH")[9]) == "RRG^O16^RRG_O16"
            await hang_up(line)

    asyncio.run(run())


def test_where_an_answer_cannot_be_made_the_message_is_acknowledged() -> None:
    async def run() -> None:
        async with serving(lambda batch: [Verdict(Outcome.ACCEPTED, (), give_answer)] * len(batch)) as server:
            line = await dial(server)
            found = await ask(line, message(1))  # an observation is no order
            assert (said(found), str(found.segment("MSH")[9][0][0])) == (("AA", "1"), "ACK")
            assert server.counters["failed:USE-001"] == 1
            assert said(await ask(line, GIVE % (2, b"|"))) == ("AA", "2")
            await hang_up(line)

    asyncio.run(run())
