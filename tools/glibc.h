/* These functions are the C library's, wherever that is running.

zig's own runtime library has them too. It is linked for what the C library lacks, such as the processor's features, and
then its copies would take the place of these: a memcpy that knows no wide vectors, and an exp that rounds otherwise. */

#if defined(__x86_64__)
    #define MEMCPY "GLIBC_2.14"
    #define OTHERS "GLIBC_2.2.5"
#elif defined(__aarch64__)
    #define MEMCPY "GLIBC_2.17"
    #define OTHERS "GLIBC_2.17"
#endif

__asm__(".symver memcpy, memcpy@" MEMCPY);
__asm__(".symver memmove, memmove@" OTHERS);
__asm__(".symver memset, memset@" OTHERS);
__asm__(".symver memcmp, memcmp@" OTHERS);
__asm__(".symver bcmp, bcmp@" OTHERS);
__asm__(".symver strlen, strlen@" OTHERS);
__asm__(".symver exp, exp@" OTHERS);

#undef MEMCPY
#undef OTHERS
