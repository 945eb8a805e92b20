// How rows of results are cut among threads, and where they are written.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/tensor.h"
#include "cpu/kernels.h"
#include "cpu/schedule.h"

namespace quatrain {

// Writes the rows of a result that one thread computes. A result so large that no cache will hold
// it until it is read goes past the caches: an ordinary store reads what it is about to overwrite,
// a third more traffic. Each row is then made in a cache first, so that it can be read again and no
// kernel needs to know. The bits are the same.
class ResultWriter {
 public:
  static constexpr std::ptrdiff_t kBeyondCaches = std::ptrdiff_t{32} << 20;  // bytes
  static constexpr std::ptrdiff_t kLongest = 8192;  // floats of a row that fits a first-level cache

  explicit ResultWriter(const MutableRows& out)
      : streams_(out.size() * static_cast<std::ptrdiff_t>(sizeof(float)) > kBeyondCaches &&
                 out.columns <= kLongest && out.stride % kLine == 0 &&
                 reinterpret_cast<std::uintptr_t>(out.data) % (kLine * sizeof(float)) == 0) {}
  ~ResultWriter() {
    if (streams_) kernels().settle();
  }
  ResultWriter(const ResultWriter&) = delete;
  ResultWriter& operator=(const ResultWriter&) = delete;

  // Where to compute the `row` of the result; it may be read there until it is done.
  float* begin(float* row) {
    row_ = row;
    return streams_ ? scratch_ : row;
  }
  void done(std::ptrdiff_t count) {
    if (streams_) kernels().stream(scratch_, row_, count);
  }

 private:
  static constexpr std::ptrdiff_t kLine = 16;  // floats of a cache line

  const bool streams_;
  float* row_ = nullptr;
  alignas(64) float scratch_[kLongest];
};

// fn(i, row) for every row of `out`, each of `cost` steps (schedule.h): computes it into `row`.
template <class F>
void for_result_rows(int threads, const MutableRows& out, std::ptrdiff_t cost, const F& fn) {
  for_rows(threads, out.rows, cost, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    ResultWriter writer(out);
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      fn(i, writer.begin(out.row(i)));
      writer.done(out.columns);
    }
  });
}

// fn(first, count, to) for pieces of a contiguous result, of whose elements a step takes several:
// computes `count` of them from the `first` on into `to`.
template <class F>
void for_result_elements(int threads, const MutableRows& out, std::ptrdiff_t per_step,
                         const F& fn) {
  constexpr std::ptrdiff_t kPiece = 1024;
  const std::ptrdiff_t size = out.size(), pieces = (size + kPiece - 1) / kPiece;
  for_rows(threads, pieces, kPiece / per_step, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    ResultWriter writer({out.data, pieces, kPiece});
    for (std::ptrdiff_t first = begin * kPiece; first < std::min(end * kPiece, size);
         first += kPiece) {
      const std::ptrdiff_t count = std::min(kPiece, size - first);
      fn(first, count, writer.begin(out.data + first));
      writer.done(count);
    }
  });
}

}  // namespace quatrain
