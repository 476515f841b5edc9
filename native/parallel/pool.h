// A pool of threads that share one loop at a time; each JavaScript thread has its own.
//
// Work is cut into tasks whose number and content do not depend on the number of threads; threads take
// the next task from a counter. A task writes only its own outputs, so the result is the same bit for
// bit whichever thread runs it. The calling thread works too: POLLUX_THREADS=1 starts no thread at all.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace pollux {

typedef void (*TaskFunction)(void* context, int64_t task, int thread);

// Runs task 0 .. tasks-1, returns when all are done. Not reentrant: a task starts no loop of its own.
void parallel_run(int64_t tasks, TaskFunction run, void* context);

// Number of threads, the caller included (POLLUX_THREADS, else the number of cores available).
int num_threads();

// Scratch memory of one thread (64-byte aligned, kept and grown from call to call, contents undefined).
// `slot` tells apart buffers that are in use at the same time (0 .. 7).
void* thread_scratch(int thread, int slot, size_t bytes);

// Scratch memory shared by all threads, for the caller of parallel_run to hand out. Slots 0 .. 7.
void* shared_scratch(int slot, size_t bytes);

// parallel_for(n, [&](int64_t task, int thread) { ... })
template <class Body> static inline void parallel_for(int64_t tasks, const Body& body) {
  parallel_run(tasks, [](void* context, int64_t task, int thread) { (*static_cast<const Body*>(context))(task, thread); },
               const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace pollux
