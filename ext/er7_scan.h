/* Find the octets that matter in ER7: the field separator, CR and LF.
 *
 * er7_collect() writes where they stand, er7_tally() counts them, er7_tidy() looks at what they separate. Sixty-four octets are compared at a time where the compiler targets SSE2
 * (every x86-64 compiler does); elsewhere one octet at a time, with the same result.
 */
#ifndef IOMT_ER7_SCAN_H
#define IOMT_ER7_SCAN_H

#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define ER7_SIMD 1
#if defined(_MSC_VER)
#include <intrin.h>
static inline unsigned er7_ctz(uint64_t mask) { unsigned long at; _BitScanForward64(&at, mask); return (unsigned)at; }
#else
static inline unsigned er7_ctz(uint64_t mask) { return (unsigned)__builtin_ctzll(mask); }
#endif

static inline uint64_t er7_hits(const unsigned char *data, __m128i sep, __m128i cr, __m128i lf)
{
    const __m128i block = _mm_loadu_si128((const __m128i *)data);
    const __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(block, sep),
                                     _mm_or_si128(_mm_cmpeq_epi8(block, cr), _mm_cmpeq_epi8(block, lf)));
    return (uint64_t)(unsigned)_mm_movemask_epi8(hit);
}

static inline uint64_t er7_hits_of_64(const unsigned char *data, __m128i sep, __m128i cr, __m128i lf)
{
    return er7_hits(data, sep, cr, lf) | er7_hits(data + 16, sep, cr, lf) << 16
           | er7_hits(data + 32, sep, cr, lf) << 32 | er7_hits(data + 48, sep, cr, lf) << 48;
}

static inline unsigned er7_count(uint64_t mask)
{
    mask -= (mask >> 1) & UINT64_C(0x5555555555555555);
    mask = (mask & UINT64_C(0x3333333333333333)) + ((mask >> 2) & UINT64_C(0x3333333333333333));
    mask = (mask + (mask >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (unsigned)((mask * UINT64_C(0x0101010101010101)) >> 56);
}
#else
#define ER7_SIMD 0
#endif

/* Write the offsets of all separators, CR and LF in [at, stop) to `out`, at most `room`; return how many.
 * `*reached` is set to the first offset that was not looked at. */
static size_t er7_collect(const unsigned char *data, size_t at, size_t stop, unsigned char separator,
                          uint32_t *out, size_t room, size_t *reached)
{
    size_t count = 0;
#if ER7_SIMD
    const __m128i sep = _mm_set1_epi8((char)separator), cr = _mm_set1_epi8('\r'), lf = _mm_set1_epi8('\n');
    while (at + 64 <= stop && count + 64 <= room) {
        uint64_t mask = er7_hits_of_64(data + at, sep, cr, lf);
        const unsigned hits = er7_count(mask);
        uint32_t *next = out + count;
        unsigned k;
        /* Eight at a time, whether there are so many or not: how many there are cannot be foretold, and there is room
         * for sixty-four. What is written too much is written over. */
        for (k = 0; k < hits; k += 8) {
            unsigned each;
            for (each = 0; each < 8; each++) {
                next[k + each] = (uint32_t)(at + er7_ctz(mask | UINT64_C(0x8000000000000000)));
                mask &= mask - 1;
            }
        }
        count += hits;
        at += 64;
    }
#endif
    while (at < stop && count < room) {
        const unsigned char octet = data[at];
        if (octet == separator || octet == '\r' || octet == '\n')
            out[count++] = (uint32_t)at;
        at++;
    }
    *reached = at;
    return count;
}

/* Count the separators in [at, stop); `*ends` becomes the number of CR and LF. */
static size_t er7_tally(const unsigned char *data, size_t at, size_t stop, unsigned char separator, size_t *ends)
{
    size_t fields = 0, lines = 0;
#if ER7_SIMD
    const __m128i sep = _mm_set1_epi8((char)separator), cr = _mm_set1_epi8('\r'), lf = _mm_set1_epi8('\n');
    for (; at + 64 <= stop; at += 64) {
        fields += er7_count(er7_hits_of_64(data + at, sep, sep, sep));
        lines += er7_count(er7_hits_of_64(data + at, cr, cr, lf));
    }
#endif
    for (; at < stop; at++) {
        fields += data[at] == separator;
        lines += data[at] == '\r' || data[at] == '\n';
    }
    *ends = lines;
    return fields;
}

static inline int er7_is_one_of(const unsigned char *name, const unsigned char *names, size_t size)
{
    size_t at;
    for (at = 0; at + 3 <= size; at += 3)
        if (names[at] == name[0] && names[at + 1] == name[1] && names[at + 2] == name[2])
            return 1;
    return 0;
}

/* Tell whether every segment of a checked index is a known one, has a field, and holds none of the inner names in
 * front of a separator; and whether nothing but line ends and FS follows the last. */
static int er7_tidy(const unsigned char *data, size_t size, const uint32_t *triples, size_t segments,
                    const uint32_t *seps, size_t fields, const unsigned char *known, size_t n_known,
                    const unsigned char *inner, size_t n_inner)
{
    size_t s, k, at;
    for (s = 0; s < segments; s++) {
        const size_t begin = triples[3 * s], last = s + 1 < segments ? triples[3 * s + 5] : fields;
        k = triples[3 * s + 2];
        if (k >= last || seps[k] != begin + 3 || !er7_is_one_of(data + begin, known, n_known))
            return 0;
        while (++k < last)
            if (seps[k] >= 3 && er7_is_one_of(data + seps[k] - 3, inner, n_inner))
                return 0;
    }
    for (at = segments ? triples[3 * segments - 2] : 0; at < size; at++)
        if (data[at] != '\r' && data[at] != '\n' && data[at] != 28)
            return 0;
    return 1;
}

#endif
