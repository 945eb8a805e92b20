#include "core/parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace quatrain {

namespace {

using Function = std::function<void(std::ptrdiff_t, std::ptrdiff_t)>;

constexpr int kChunksPerThread = 4;  // enough to even out a slow core, few enough to stay cheap
constexpr int kSpins = 2000;         // tens of microseconds: the gap between two operations

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// One call of parallel_for, alive on its caller's stack until every thread has left it.
struct Job {
  const Function& fn;
  std::ptrdiff_t count;
  std::ptrdiff_t chunk;
  int helpers_wanted;
  std::atomic<std::ptrdiff_t> next{0};
  std::atomic<int> helpers{0};  // workers inside; grows only under the pool's mutex
  std::mutex error_mutex{};
  std::exception_ptr error{};

  void run() {
    for (;;) {
      const std::ptrdiff_t begin = next.fetch_add(chunk, std::memory_order_relaxed);
      if (begin >= count) return;
      try {
        fn(begin, std::min(begin + chunk, count));
      } catch (...) {
        next.store(count, std::memory_order_relaxed);
        const std::lock_guard lock(error_mutex);
        if (!error) error = std::current_exception();
      }
    }
  }
};

class Pool {
 public:
  // False, with nothing done, if another thread holds the pool.
  bool try_run(Job& job) {
    if (busy_.exchange(true, std::memory_order_acquire)) return false;
    {
      const std::lock_guard lock(mutex_);
      grow(job.helpers_wanted);
      job_ = &job;
      generation_.fetch_add(1, std::memory_order_release);
      if (sleepers_ > 0) wake_.notify_all();
    }
    job.run();
    {
      const std::lock_guard lock(mutex_);
      job_ = nullptr;  // nobody joins from here on
    }
    leave_when_alone(job);
    busy_.store(false, std::memory_order_release);
    return true;
  }

 private:
  void grow(int workers) {
    try {
      for (; workers_ < workers; ++workers_) std::thread([this] { work(); }).detach();
    } catch (const std::system_error&) {
      // The system gives no more threads: those that run do the work.
    }
  }

  void leave_when_alone(Job& job) {
    for (int spin = 0; spin < kSpins; ++spin) {
      if (job.helpers.load(std::memory_order_acquire) == 0) return;
      pause();
    }
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return job.helpers.load(std::memory_order_acquire) == 0; });
  }

  void work();

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::atomic<bool> busy_{false};
  std::atomic<std::uint64_t> generation_{0};
  Job* job_ = nullptr;
  int workers_ = 0;
  int sleepers_ = 0;
};

// True on a thread that is running a chunk: a nested call must not wait for the pool it is part of.
thread_local bool inside = false;

void Pool::work() {
  inside = true;
  std::uint64_t seen = 0;
  for (;;) {
    for (int spin = 0; spin < kSpins; ++spin) {
      if (generation_.load(std::memory_order_acquire) != seen) break;
      pause();
    }
    std::unique_lock lock(mutex_);
    ++sleepers_;
    wake_.wait(lock, [&] { return generation_.load(std::memory_order_relaxed) != seen; });
    --sleepers_;
    seen = generation_.load(std::memory_order_relaxed);
    Job* job = job_;
    if (job == nullptr || job->helpers_wanted == 0) continue;
    --job->helpers_wanted;
    job->helpers.fetch_add(1, std::memory_order_relaxed);
    lock.unlock();
    job->run();
    // Under the mutex, so that the caller cannot miss the notification, nor leave (and destroy the
    // job) before this thread has finished with it.
    lock.lock();
    if (job->helpers.fetch_sub(1, std::memory_order_release) == 1) done_.notify_one();
  }
}

// The pool is never destroyed: its threads sleep until the process ends, whatever order static
// destructors run in. After a fork the child has none of the threads, so it forgets the pool.
std::atomic<Pool*> the_pool{nullptr};

Pool& pool() {
  Pool* existing = the_pool.load(std::memory_order_acquire);
  if (existing != nullptr) return *existing;
#if defined(__unix__) || defined(__APPLE__)
  static const int registered = pthread_atfork(nullptr, nullptr, [] {
    the_pool.store(nullptr, std::memory_order_relaxed);
    inside = false;
  });
  static_cast<void>(registered);
#endif
  Pool* fresh = new Pool;
  if (the_pool.compare_exchange_strong(existing, fresh, std::memory_order_acq_rel)) return *fresh;
  delete fresh;  // another thread was quicker; this one has started no worker yet
  return *existing;
}

struct InsideScope {
  InsideScope() { inside = true; }
  ~InsideScope() { inside = false; }
};

}  // namespace

void parallel_for(int threads, std::ptrdiff_t count, const Function& fn, std::ptrdiff_t grain) {
  if (count <= 0) return;
  grain = std::max<std::ptrdiff_t>(grain, 1);
  const std::ptrdiff_t chunks = (count + grain - 1) / grain;
  const auto used =
      static_cast<int>(std::min<std::ptrdiff_t>(std::min(threads, kMostThreads), chunks));
  if (used <= 1 || inside) {
    fn(0, count);
    return;
  }
  const std::ptrdiff_t parts = static_cast<std::ptrdiff_t>(used) * kChunksPerThread;
  const std::ptrdiff_t chunk = std::max(grain, (count + parts - 1) / parts);
  Job job{fn, count, chunk, used - 1};
  bool ran;
  {
    const InsideScope scope;
    ran = pool().try_run(job);
  }
  if (!ran) fn(0, count);
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace quatrain
