// The thread pool. Workers spin for a short while after a loop (the next one usually comes within
// microseconds: a training step is some thousand loops), then sleep on a condition variable.
//
// A loop waits only for workers that are inside it, not for all of them: on a busy machine a worker may get its
// core back milliseconds late, and by then the others have taken all tasks. Such a worker finds the loop closed
// and leaves without having touched it.
//
// Every JavaScript thread has a pool of its own, with its own scratch, started by its first loop and ended with it: an
// engine computes in one while the main thread counts words in another.
#include "parallel/pool.h"

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>
#if defined(__linux__)
#include <sched.h>
#include <sys/mman.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pollux {
namespace {

constexpr int kSlots = 8;
constexpr int kSpins = 20000;  // about 50-200 microseconds of pause instructions
constexpr int kMaxThreads = 256;

inline void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

struct Buffer {
  void* data = nullptr;
  size_t bytes = 0;
  ~Buffer() { std::free(data); }
  void* reserve(size_t wanted) {
    if (wanted > bytes) {
      std::free(data);
      // 2 MiB alignment lets the kernel back large buffers with huge pages.
      size_t alignment = wanted >= (size_t(1) << 21) ? size_t(1) << 21 : 64;
      bytes = (wanted + wanted / 4 + alignment - 1) / alignment * alignment;
      data = std::aligned_alloc(alignment, bytes);
      if (data == nullptr) std::abort();
#if defined(__linux__)
      if (alignment > 64) madvise(data, bytes, MADV_HUGEPAGE);
#endif
    }
    return data;
  }
};

int wanted_threads() {
  if (const char* text = std::getenv("POLLUX_THREADS")) {
    int n = std::atoi(text);
    if (n >= 1) return n < kMaxThreads ? n : kMaxThreads;
  }
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set) < kMaxThreads ? CPU_COUNT(&set) : kMaxThreads;
#endif
  int n = int(std::thread::hardware_concurrency());
  return n < 1 ? 1 : n < kMaxThreads ? n : kMaxThreads;
}

struct Pool;
thread_local Pool* member = nullptr;  // the pool that a worker works for

struct Pool {
  int threads = wanted_threads();
  std::vector<std::thread> workers;
  std::atomic<uint64_t> generation{0};  // raised when a loop starts
  std::atomic<bool> open{false};        // whether the present loop may still be entered
  std::atomic<int> inside{0};           // workers that have entered it (or are looking whether they may)
  std::atomic<int64_t> next{0};
  std::atomic<bool> ending{false};
  int64_t tasks = 0;
  TaskFunction run = nullptr;
  void* context = nullptr;
  std::mutex mutex;
  std::condition_variable wake;
  int sleeping = 0;
  Buffer scratch[kMaxThreads][kSlots];
  Buffer shared[kSlots];

  void start() {
    for (int i = 1; i < threads; i++) workers.emplace_back([this, i] { work(i); });
  }

  ~Pool() {
    {
      std::lock_guard lock(mutex);
      ending.store(true);
      generation.fetch_add(1, std::memory_order_release);
      wake.notify_all();
    }
    for (auto& worker : workers) worker.join();
  }

  void drain(int thread) {
    for (int64_t task; (task = next.fetch_add(1, std::memory_order_relaxed)) < tasks;) run(context, task, thread);
  }

  uint64_t await(uint64_t seen) {
    for (int i = 0; i < kSpins; i++) {
      uint64_t now = generation.load(std::memory_order_acquire);
      if (now != seen) return now;
      pause();
    }
    std::unique_lock lock(mutex);
    sleeping++;
    wake.wait(lock, [&] { return generation.load(std::memory_order_acquire) != seen; });
    sleeping--;
    return generation.load(std::memory_order_acquire);
  }

  void work(int thread) {
    member = this;
    uint64_t seen = 0;
    for (;;) {
      seen = await(seen);
      if (ending.load()) return;
      // Enter first, look second: the closing thread looks the other way round, so one of the two sees the other.
      inside.fetch_add(1, std::memory_order_seq_cst);
      if (open.load(std::memory_order_seq_cst)) drain(thread);
      inside.fetch_sub(1, std::memory_order_release);
    }
  }

  void loop(int64_t count, TaskFunction body, void* with) {
    if (workers.empty()) start();
    tasks = count;
    run = body;
    context = with;
    next.store(0, std::memory_order_relaxed);
    open.store(true, std::memory_order_seq_cst);
    {
      std::lock_guard lock(mutex);
      generation.fetch_add(1, std::memory_order_release);
      if (sleeping > 0) wake.notify_all();
    }
    drain(0);
    open.store(false, std::memory_order_seq_cst);
    while (inside.load(std::memory_order_seq_cst) != 0) pause();
  }
};

struct Owner {
  Pool* pool = nullptr;
  ~Owner() { delete pool; }
};

Pool& pool() {
  if (member) return *member;
  thread_local Owner owner;
  if (owner.pool == nullptr) owner.pool = new Pool();
  return *owner.pool;
}

}  // namespace

int num_threads() { return pool().threads; }

void parallel_run(int64_t tasks, TaskFunction run, void* context) {
  Pool& p = pool();
  if (p.threads == 1 || tasks <= 1) {
    for (int64_t i = 0; i < tasks; i++) run(context, i, 0);
    return;
  }
  p.loop(tasks, run, context);
}

void* thread_scratch(int thread, int slot, size_t bytes) { return pool().scratch[thread][slot].reserve(bytes); }
void* shared_scratch(int slot, size_t bytes) { return pool().shared[slot].reserve(bytes); }

}  // namespace pollux
