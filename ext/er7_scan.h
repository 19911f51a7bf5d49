/* Find the octets that matter in ER7: the field separator, CR and LF.
 *
 * er7_next() returns the offset of the next one at or after `at`, or `stop`. Sixteen octets are compared at a
 * time where the compiler targets SSE2 (every x86-64 compiler does); elsewhere one octet at a time, with the
 * same result.
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
static inline unsigned er7_ctz(unsigned mask) { unsigned long at; _BitScanForward(&at, mask); return (unsigned)at; }
#else
static inline unsigned er7_ctz(unsigned mask) { return (unsigned)__builtin_ctz(mask); }
#endif
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
    while (at + 16 <= stop && count + 16 <= room) {
        const __m128i block = _mm_loadu_si128((const __m128i *)(data + at));
        const __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(block, sep),
                                         _mm_or_si128(_mm_cmpeq_epi8(block, cr), _mm_cmpeq_epi8(block, lf)));
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        while (mask) {
            out[count++] = (uint32_t)(at + er7_ctz(mask));
            mask &= mask - 1;
        }
        at += 16;
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

#endif
