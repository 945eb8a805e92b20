#include "core/cpu.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "core/check.h"
#include "core/parallel.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#ifdef __linux__
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif
#ifdef __APPLE__
#include <sys/sysctl.h>
#endif

namespace quatrain {

namespace {

constexpr std::pair<const char*, Isa> kTiers[] = {
    {"amx", Isa::kAmx},       {"avx512_vnni", Isa::kAvx512Vnni},
    {"avx512", Isa::kAvx512}, {"avx_vnni", Isa::kAvxVnni},
    {"avx2", Isa::kAvx2},     {"neon_dotprod", Isa::kNeonDotprod},
    {"neon", Isa::kNeon},     {"portable", Isa::kPortable}};

#if defined(__x86_64__)
// Instructions whose names not every compiler's __builtin_cpu_supports() knows.
bool has_f16c() {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & 1u << 29) != 0;
}
bool has_avx_vnni() {
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & 1u << 4) != 0;
}
bool has_amx() {
  constexpr unsigned kTiles = 1u << 24, kOfInt8 = 1u << 25, kOfBfloat16 = 1u << 22;
  constexpr unsigned kWanted = kTiles | kOfInt8 | kOfBfloat16;
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kWanted) == kWanted;
}

// Matrix registers are large, so a process on Linux asks for them first.
bool may_use_amx() {
#if defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}
#endif

#if defined(__aarch64__)
bool has_dot_products() {
#if defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#elif defined(__APPLE__)
  int found = 0;
  std::size_t size = sizeof(found);
  return sysctlbyname("hw.optional.arm.FEAT_DotProd", &found, &size, nullptr, 0) == 0 && found != 0;
#else
  return false;
#endif
}
#endif

bool supported(Isa isa) {
#if defined(__x86_64__)
  switch (isa) {
    case Isa::kAmx:
      return supported(Isa::kAvx512Vnni) && has_amx() && may_use_amx();
    case Isa::kAvx512Vnni:
      return supported(Isa::kAvx512) && __builtin_cpu_supports("avx512vnni");
    case Isa::kAvx512:
      return supported(Isa::kAvx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512bw");
    case Isa::kAvxVnni:
      return supported(Isa::kAvx2) && has_avx_vnni();
    case Isa::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    default:
      break;
  }
#elif defined(__aarch64__)
  if (isa == Isa::kNeonDotprod) return has_dot_products();
  if (isa == Isa::kNeon) return true;
#endif
  return isa == Isa::kPortable;
}

#ifdef __linux__

// Logical processors of one core list each other as siblings; the list names the core.
std::string core_of(int processor) {
  std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(processor) +
                     "/topology/thread_siblings_list");
  std::string siblings;
  std::getline(file, siblings);
  return siblings.empty() ? std::to_string(processor) : siblings;
}

int cores_in_affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 0;  // more than 1024 processors
  std::set<std::string> cores;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) cores.insert(core_of(i));
  }
  return static_cast<int>(cores.size());
}

// The tightest quota between a cgroup directory and its root, in processors; 0 if there is none.
double quota_below(const std::string& root, std::string path, bool version2) {
  double tightest = 0;
  for (;;) {
    const std::string directory = root + path + "/";
    double quota = 0, period = 0;
    if (version2) {
      std::ifstream file(directory + "cpu.max");  // "max 100000" reads as no quota
      file >> quota >> period;
    } else {
      std::ifstream(directory + "cpu.cfs_quota_us") >> quota;
      std::ifstream(directory + "cpu.cfs_period_us") >> period;
    }
    if (quota > 0 && period > 0) {
      const double processors = quota / period;
      tightest = tightest == 0 ? processors : std::min(tightest, processors);
    }
    if (path.empty()) return tightest;
    path.erase(path.rfind('/'));
  }
}

// /proc/self/cgroup has lines "hierarchy:controllers:path"; version 2 is hierarchy 0. Inside a
// container the path may not exist below the mount: the root is looked at in any case.
double cgroup_quota() {
  std::ifstream file("/proc/self/cgroup");
  double tightest = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string hierarchy, controllers, path;
    std::getline(fields, hierarchy, ':');
    std::getline(fields, controllers, ':');
    std::getline(fields, path);
    if (path == "/" || path.empty() || path.front() != '/') path.clear();
    double quota = 0;
    if (hierarchy == "0") {
      quota = quota_below("/sys/fs/cgroup", path, true);
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      quota = quota_below("/sys/fs/cgroup/cpu", path, false);
    }
    if (quota > 0) tightest = tightest == 0 ? quota : std::min(tightest, quota);
  }
  return tightest;
}

int count_threads() {
  int threads = cores_in_affinity();
  if (threads == 0) threads = static_cast<int>(std::thread::hardware_concurrency());
  const double quota = cgroup_quota();
  if (quota > 0) threads = std::min(threads, static_cast<int>(std::ceil(quota)));
  return std::max(threads, 1);
}

#else

int count_threads() { return std::max(static_cast<int>(std::thread::hardware_concurrency()), 1); }

#endif

}  // namespace

Isa selected_isa() {
  const char* variable = std::getenv("QUATRAIN_ISA");
  const std::string forced = variable == nullptr ? "" : variable;
  for (const auto& [name, isa] : kTiers) {
    if (forced.empty() && supported(isa)) return isa;
    if (forced == name) {
      check(supported(isa), "isa", "QUATRAIN_ISA is ", name, ", which this processor lacks");
      return isa;
    }
  }
  fail("isa",
       "expected QUATRAIN_ISA to be portable, avx2, avx_vnni, avx512, avx512_vnni, amx, neon or"
       " neon_dotprod, got ",
       forced);
}

const char* isa_name(Isa isa) {
  for (const auto& [name, tier] : kTiers) {
    if (tier == isa) return name;
  }
  return "";
}

int default_threads() {
  static const int threads = count_threads();
  return threads;
}

int resolve_threads(int threads) {
  check(threads >= 0, "threads", "expected a number of threads >= 0, got ", threads);
  return std::min(threads == 0 ? default_threads() : threads, kMostThreads);
}

}  // namespace quatrain
