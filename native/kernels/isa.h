// Names the instruction set this file is being compiled for.
//
// Every file of native/kernels is compiled once per instruction set, each time with other compiler
// flags and inside another namespace (POLLUX_NS), so that one binary holds all variants and no
// function compiled for a newer CPU can be linked into the path of an older one. For the same reason
// kernels use no std:: templates with code in them: their out-of-line copies would be shared.
#pragma once

#if defined(POLLUX_ISA_SCALAR)
#define POLLUX_NS scalar
#elif defined(POLLUX_ISA_AVX2)
#define POLLUX_NS avx2
#elif defined(POLLUX_ISA_AVX512)
#define POLLUX_NS avx512
#elif defined(POLLUX_ISA_AVX512BF16)
#define POLLUX_NS avx512bf16
#elif defined(POLLUX_ISA_AMX)
#define POLLUX_NS amx
#elif defined(POLLUX_ISA_AMXEMU)
#define POLLUX_NS amxemu
#elif defined(POLLUX_ISA_NEON)
#define POLLUX_NS neon
#else
#error "define one POLLUX_ISA_*"
#endif

// 1 where plain loops (the reference twin) are compiled instead of vector code.
#if defined(POLLUX_ISA_SCALAR)
#define POLLUX_SCALAR 1
#else
#define POLLUX_SCALAR 0
#endif

// 1 where a register holds 16 floats.
#if defined(POLLUX_ISA_AVX512) || defined(POLLUX_ISA_AVX512BF16) || defined(POLLUX_ISA_AMX)
#define POLLUX_AVX512 1
#else
#define POLLUX_AVX512 0
#endif

// 1 where the CPU multiplies bf16 pairs itself (vdpbf16ps).
#if defined(POLLUX_ISA_AVX512BF16) || defined(POLLUX_ISA_AMX)
#define POLLUX_BF16_DOT 1
#else
#define POLLUX_BF16_DOT 0
#endif

// 1 where products run on tile registers, real or emulated.
#if defined(POLLUX_ISA_AMX) || defined(POLLUX_ISA_AMXEMU)
#define POLLUX_TILES 1
#else
#define POLLUX_TILES 0
#endif

// 1 where the CPU multiplies 4 pairs of bytes into a sum itself (vpdpbusd): every CPU with bf16 multiplication has it.
#define POLLUX_VNNI POLLUX_BF16_DOT
