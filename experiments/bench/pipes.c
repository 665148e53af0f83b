/* What goes on beside fused multiply-adds, and what takes their place? Time of eight of them (512 bit, independent) with
 * other instructions among them, as a multiple of the time of the eight alone: 1.0 is free, 2.0 costs as much again.
 * For x86 with AVX-512: cc -O2 -mavx512f -mavx512dq experiments/bench/pipes.c -o /tmp/pipes && /tmp/pipes */

#include <stdio.h>
#include <time.h>

enum { ROUNDS = 200, PASSES = 200, BYTES = 16384, STEP = 256 };

static char room[BYTES + STEP] __attribute__((aligned(64)));
static double alone;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

#define FMA(r) "vfmadd231ps %%zmm30, %%zmm31, %%zmm" #r "\n"
#define EIGHT FMA(0) FMA(1) FMA(2) FMA(3) FMA(4) FMA(5) FMA(6) FMA(7)
#define TWO(op, to) op ", %%" to "8\n" op ", %%" to "9\n"
#define FOUR(op) TWO(op, "zmm") op ", %%zmm10\n" op ", %%zmm11\n"
#define MASKS(op) op ", %%k1\n" op ", %%k2\n" op ", %%k3\n" op ", %%k4\n"
#define STORE(at) "vmovaps %%zmm20, " #at "(%[p])\n"
#define LOAD(at) "vmovaps " #at "(%[p]), %%zmm8\n"
#define CLOBBERED "memory", "zmm0", "zmm1", "zmm2", "zmm3", "zmm4", "zmm5", "zmm6", "zmm7", "zmm8", "zmm9", "zmm10", \
                  "zmm11", "k1", "k2", "k3", "k4"

#define MEASURE(what, others) { \
    double best = 1e9; \
    for (int round = 0; round < ROUNDS; round++) { \
        double start = now(); \
        for (int pass = 0; pass < PASSES; pass++) \
            for (char *p = room; p < room + BYTES; p += STEP) \
                __asm__ volatile(EIGHT others : : [p] "r"(p) : CLOBBERED); \
        double took = now() - start; \
        if (took < best) best = took; \
    } \
    if (!alone) alone = best; \
    printf("8 fma %-22s %5.2f\n", what, best / alone); \
}

int main(void) {
    __asm__ volatile("vpxord %%zmm20, %%zmm20, %%zmm20\n vpxord %%zmm30, %%zmm30, %%zmm30\n"
                     "vpxord %%zmm31, %%zmm31, %%zmm31\n" : : : "zmm20", "zmm30", "zmm31");
    MEASURE("", "")
    MEASURE("+ 4 multiplications", FOUR("vmulps %%zmm30, %%zmm31"))
    MEASURE("+ 4 comparisons", MASKS("vcmpltps %%zmm30, %%zmm31"))
    MEASURE("+ 2 divisions", TWO("vdivps %%zmm30, %%zmm31", "zmm"))
    MEASURE("+ 4 additions", FOUR("vaddps %%zmm30, %%zmm31"))
    MEASURE("+ 4 maxima", FOUR("vmaxps %%zmm30, %%zmm31"))
    MEASURE("+ 4 bitwise and", FOUR("vpandd %%zmm30, %%zmm31"))
    MEASURE("+ 4 loads", LOAD(0) LOAD(64) LOAD(128) LOAD(192))
    MEASURE("+ 1 store", STORE(0))
    MEASURE("+ 4 stores", STORE(0) STORE(64) STORE(128) STORE(192))
    return 0;
}
