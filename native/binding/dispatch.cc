// Asks the CPU (and, for AMX, the operating system) what it can run.
#include "binding/dispatch.h"

#include <cstdlib>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace pollux {
namespace {

#if defined(__x86_64__)
#include <cpuid.h>

// Linux hands out the 8 KiB of tile state only on request (Documentation/arch/x86/xstate.rst).
bool amx_permitted() {
#if defined(__linux__)
  constexpr int kArchReqXcompPerm = 0x1023, kXfeatureXtiledata = 18;
  return syscall(SYS_arch_prctl, kArchReqXcompPerm, kXfeatureXtiledata) == 0;
#else
  return false;
#endif
}

struct Features {
  bool avx2, avx512, avx512bf16, amx;
};

Features detect() {
  __builtin_cpu_init();
  Features f{};
  f.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  f.avx512 = f.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  unsigned a = 0, b = 0, c = 0, d = 0;
  // CPUs with AVX512-BF16 have AVX512-VNNI, which the same kernels use
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) f.avx512bf16 = f.avx512 && (a & (1u << 5)) && __builtin_cpu_supports("avx512vnni");
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    bool tile = (d & (1u << 24)) && (d & (1u << 22));  // AMX-TILE and AMX-BF16
    f.amx = f.avx512bf16 && tile && amx_permitted();
  }
  return f;
}
#endif

}  // namespace

std::vector<const KernelTable*> supported_tables() {
  std::vector<const KernelTable*> tables;
#if defined(__x86_64__)
  static const Features features = detect();
  if (features.amx) tables.push_back(&amx::table);
  if (features.avx512bf16) tables.push_back(&avx512bf16::table);
  if (features.avx512) tables.push_back(&avx512::table);
  if (features.avx2) tables.push_back(&avx2::table);
  if (features.avx2) tables.push_back(&amxemu::table);
#elif defined(__aarch64__)
  tables.push_back(&neon::table);
#endif
  tables.push_back(&scalar::table);
  return tables;
}

const KernelTable* choose_table(std::string* error) {
  auto tables = supported_tables();
  const char* wanted = std::getenv("POLLUX_ISA");
  if (wanted == nullptr || *wanted == 0) return tables.front();
  std::string names;
  for (const auto* table : tables) {
    if (std::string(wanted) == table->isa) return table;
    names += (names.empty() ? "" : ", ") + std::string(table->isa);
  }
  *error = "POLLUX_ISA: must be one this CPU can run (" + names + "), got " + wanted;
  return nullptr;
}

}  // namespace pollux
