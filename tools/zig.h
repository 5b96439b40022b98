/* What zig's own runtime library would do otherwise than gcc's and the C library. zigcc.py includes it everywhere. */

#if defined(__x86_64__)
    #define MEMCPY "GLIBC_2.14"
    #define OTHERS "GLIBC_2.2.5"
    #define CHECKED "GLIBC_2.3.4"
#elif defined(__aarch64__)
    #define MEMCPY "GLIBC_2.17"
    #define OTHERS "GLIBC_2.17"
    #define CHECKED "GLIBC_2.17"
#endif

/* As glibc before 2.28 says, which has no threads.h; Cython asks when it compiles for Python 3.12. */
#undef __STDC_NO_THREADS__
#define __STDC_NO_THREADS__ 1

/* These functions are the C library's, wherever that is running. Once anything of zig's library is linked, its copies
take their place: a memcpy that knows no wide vectors, and an exp that rounds otherwise. */
__asm__(".symver memcpy, memcpy@" MEMCPY);
__asm__(".symver memmove, memmove@" OTHERS);
__asm__(".symver memset, memset@" OTHERS);
__asm__(".symver memcmp, memcmp@" OTHERS);
__asm__(".symver bcmp, bcmp@" OTHERS);
__asm__(".symver strlen, strlen@" OTHERS);
__asm__(".symver exp, exp@" OTHERS);
__asm__(".symver __memcpy_chk, __memcpy_chk@" CHECKED);
__asm__(".symver __memmove_chk, __memmove_chk@" CHECKED);
__asm__(".symver __memset_chk, __memset_chk@" CHECKED);

#undef MEMCPY
#undef OTHERS
#undef CHECKED

/* In zig's library, what __builtin_cpu_supports reads stays zero: every processor would be one of the baseline. */
#if defined(__x86_64__)
    #include <cpuid.h>

    enum { GILFREE_YMM = 0x06, GILFREE_ZMM = 0xe6 }; /* registers that the system has to save, in XCR0 */

    static inline int gilfree_saves(unsigned registers) {
        unsigned eax, ebx, ecx, edx;
        if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE)) return 0;
        __asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
        return (eax & registers) == registers;
    }
    static inline int gilfree_leaf1_ecx(unsigned bit) {
        unsigned eax, ebx, ecx, edx;
        return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit);
    }
    static inline int gilfree_leaf7_ebx(unsigned bit) {
        unsigned eax, ebx, ecx, edx;
        return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & bit);
    }
    static inline int gilfree_leaf7_ecx(unsigned bit) {
        unsigned eax, ebx, ecx, edx;
        return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ecx & bit);
    }
    static inline int gilfree_supports(const char *feature) {
        #define FEATURE(name) (__builtin_strcmp(feature, name) == 0)
        if (FEATURE("popcnt")) return gilfree_leaf1_ecx(bit_POPCNT);
        if (FEATURE("bmi")) return gilfree_leaf7_ebx(bit_BMI);
        if (FEATURE("bmi2")) return gilfree_leaf7_ebx(bit_BMI2);
        if (FEATURE("fma")) return gilfree_saves(GILFREE_YMM) && gilfree_leaf1_ecx(bit_FMA);
        if (FEATURE("avx2")) return gilfree_saves(GILFREE_YMM) && gilfree_leaf7_ebx(bit_AVX2);
        if (FEATURE("avx512f")) return gilfree_saves(GILFREE_ZMM) && gilfree_leaf7_ebx(bit_AVX512F);
        if (FEATURE("avx512bw")) return gilfree_saves(GILFREE_ZMM) && gilfree_leaf7_ebx(bit_AVX512BW);
        if (FEATURE("avx512cd")) return gilfree_saves(GILFREE_ZMM) && gilfree_leaf7_ebx(bit_AVX512CD);
        if (FEATURE("avx512dq")) return gilfree_saves(GILFREE_ZMM) && gilfree_leaf7_ebx(bit_AVX512DQ);
        if (FEATURE("avx512vl")) return gilfree_saves(GILFREE_ZMM) && gilfree_leaf7_ebx(bit_AVX512VL);
        if (FEATURE("avx512vpopcntdq")) return gilfree_saves(GILFREE_ZMM) && gilfree_leaf7_ecx(bit_AVX512VPOPCNTDQ);
        #undef FEATURE
        return 0;
    }

    #define __builtin_cpu_init() ((void)0)
    #define __builtin_cpu_supports(feature) gilfree_supports(feature)
#endif
