"""What `generate_mdc.py` adds to its input tables, and how it settles their conflicts. Data only.

Letters of provenance in the generated rows:

    r  Brian Reinhold, NordicPHDs, nomenclature header (MIT)
    p  philips-labs, BLE-GHS-Server-Simulator, enumerations (MIT)
    g  code and reference id as used in HL7 implementation guides (PHD, PoCD; CC0)
    m  code and reference id as used in public IHE PCD messages and profiles
    s  code named by IEEE 11073-20601 attribute or object numbering
    f  found in the field against the current nomenclature; never a winner
"""

from __future__ import annotations

from typing import Final

# (code, reference id, letters)
HAND: Final[tuple[tuple[int, str, str], ...]] = (
    # 20601 attributes that the nomenclature header lacks.
    (65536 + 2415, "MDC_ATTR_SCALE_SPECN_I16", "s"),
    (65536 + 2416, "MDC_ATTR_SCALE_SPECN_I32", "s"),
    (65536 + 2417, "MDC_ATTR_SCALE_SPECN_I8", "s"),
    # Containment: MDS, VMD, channel.
    (69710, "MDC_DEV_ANALY_PRESS_BLD_VMD", "g"),
    (69711, "MDC_DEV_ANALY_PRESS_BLD_CHAN", "g"),
    (69798, "MDC_DEV_ECG_VMD", "g"),
    (69799, "MDC_DEV_ECG_CHAN", "g"),
    (69854, "MDC_DEV_METER_PRESS_BLD_VMD", "m"),
    (69855, "MDC_DEV_METER_PRESS_BLD_CHAN", "m"),
    (69965, "MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS", "gm"),
    (70666, "MDC_DEV_ECG_RESP_VMD", "m"),
    (70686, "MDC_DEV_PRESS_BLD_NONINV_VMD", "gm"),
    (70687, "MDC_DEV_PRESS_BLD_NONINV_CHAN", "gm"),
    (70739, "MDC_DEV_CARD_RATE_CHAN", "gm"),
    (70071, "MDC_DEV_PUMP_INFUSATE_SOURCE_PRIMARY_CHAN", "m"),
    # Observations and waveforms.
    (131329, "MDC_ECG_LEAD_I", "m"),
    (131330, "MDC_ECG_LEAD_II", "m"),
    (147842, "MDC_ECG_CARD_BEAT_RATE", "m"),
    (158005, "MDC_PUMP_CURRENT_DELIVERY_STATUS", "m"),
    (158006, "MDC_PUMP_NOT_DELIVERING_REASON", "m"),
    (158012, "MDC_PUMP_SOURCE_CHANNEL_LABEL", "m"),
    (184520, "MDC_PUMP_DRUG_LIBRARY_NAME", "m"),
    (264608, "MDC_DIM_PER_SEC", "m"),
    (264640, "MDC_DIM_HZ", "m"),
    # Attributes and events of messages.
    (67917, "MDC_ATTR_NU_MSMT_RES", "m"),
    (68162, "MDC_ATTR_FILTER_LABEL_STRING", "m"),
    (196616, "MDC_EVT_ALARM", "m"),
    (196660, "MDC_EVT_INOP", "m"),
    (258047, "MDC_EVT_ACTIVE", "m"),
    # Alert facets sent under numbers that 11073-20601 gives to other attributes.
    (68164, "MDC_ATTR_ALERT_SOURCE", "f"),
    (68165, "MDC_ATTR_EVENT_PHASE", "f"),
    (68166, "MDC_ATTR_ALARM_STATE", "f"),
    (68166, "MDC_ATTR_ALERT_STATE", "f"),
    (68167, "MDC_ATTR_ALARM_INACTIVATION_STATE", "f"),
    (68168, "MDC_ATTR_ALARM_PRIORITY", "f"),
    (68169, "MDC_ATTR_ALERT_TYPE", "f"),
)

# Which reference id a code shows when several are known and no general rule decides.
REFID_WINNERS: Final[dict[int, str]] = {
    70071: "MDC_DEV_PUMP_INFUSATE_SOURCE_PRIMARY",
    131329: "MDC_ECG_ELEC_POTL_I",
    131330: "MDC_ECG_ELEC_POTL_II",
    150052: "MDC_PRESS_BLD_ART_PULM_WEDGE",
    151744: "MDC_CONC_AWAY_O2_DELTA",
    151784: "MDC_PRESS_RESP_PLAT",
    151804: "MDC_PRESS_AWAY_END_EXP_POS",
    151817: "MDC_PRESS_AWAY_INSP_PEAK",
    151912: "MDC_CONC_GASDLV_O2_DELTA",
    152416: "MDC_VENT_TIME_PD_INSP",
    152587: "MDC_VOL_AWAY_EXP_FORCED_6S",
    152668: "MDC_VOL_AWAY_TIDAL_EXP_PER_IBW",
    152688: "MDC_VOL_MINUTE_AWAY_EXP_PER_IBW",
    158005: "MDC_DEV_PUMP_CURRENT_DELIVERY_STATUS",
    158006: "MDC_DEV_PUMP_NOT_DELIVERING_REASON",
    158012: "MDC_DEV_PUMP_SOURCE_CHANNEL_LABEL",
    188772: "MDC_BODY_MUSCLE",
    # The fitness profile (11073-10441) and the general table give these unit codes to different quantities;
    # the general table wins here and `units` keeps both readings apart.
    268832: "MDC_DIM_X_RAD_PER_SEC",
    268864: "MDC_DIM_X_LUMEN_PER_M_SQ",
    268896: "MDC_DIM_X_G_PER_LB_PER_HR",
    268928: "MDC_DIM_X_G_PER_LB_PER_MIN",
    268960: "MDC_DIM_X_G_PER_M_SQ_PER_HR",
    268992: "MDC_DIM_X_G_PER_M_SQ_PER_MIN",
    270528: "MDC_DIM_NUTRI_CAL",
    8520704: "MDC_AI_LOCATION_UNKNOWN",
    16928805: "MDC_VENT_RESP_RATE_MEAN_SETTING",
}

# Which code a reference id means when tables disagree.
CODE_WINNERS: Final[dict[str, int]] = {
    "MDC_ATTR_ALARM_INACTIVATION_STATE": 68483,
    "MDC_ATTR_ALARM_PRIORITY": 68484,
    "MDC_ATTR_ALARM_STATE": 68482,
    "MDC_ATTR_ALERT_SOURCE": 68480,
    "MDC_ATTR_ALERT_TYPE": 68485,
    "MDC_ATTR_EVENT_PHASE": 68481,
    "MDC_DIM_INR": 268752,
    "MDC_PRESS_AWAY_MEAN": 151795,
}
