// The memory of a pass: kept from one pass to the next, so that none is asked for in between.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/exclusive.h"
#include "core/pages.h"
#include "ops/attention.h"

namespace quatrain {

// When a buffer is written first and read last, in steps, and how many floats it holds.
struct Lifetime {
  std::ptrdiff_t born, dies;
  std::size_t floats;
};

// Puts buffers that live at the same time beside each other, and others on top of one another: the
// largest first, each where it fits lowest. `offsets` gets where each begins, on cache lines; the
// result is how many floats that takes. Pisarchyk and Lee, "Efficient Memory Management for Deep
// Neural Net Inference", 2020 (greedy by size).
std::size_t place(const std::vector<Lifetime>& buffers, std::vector<std::size_t>& offsets);

// One pass at a time may use it. What is public is the plan's to fill.
class Arena {
 public:
  Exclusive exclusive;

  // Room for that many floats, with whatever was in it. What is much too large is given back.
  float* floats(std::size_t count);
  std::size_t bytes() const { return bytes_; }

  // Where the plan of that number puts its buffers in passes of that size.
  struct Layout {
    std::size_t plan = 0;  // no plan has this number
    std::ptrdiff_t tokens = 0, sentences = 0;
    std::size_t floats = 0;
    std::vector<std::size_t> offsets;
  } layout;
  std::vector<float*> buffers;
  std::vector<const std::int64_t*> ids;
  std::vector<std::int64_t> positions;
  // Where each sentence's rows begin, [B+1], and how many there are, [B]: of each stride of the
  // plan.
  struct Sentences {
    std::vector<std::int64_t> starts, length;
  };
  std::vector<Sentences> sentences;
  // Where each sentence's keys begin in each cache, and how many there then are.
  struct Keys {
    std::vector<std::int64_t> first;  // [caches * B]
    std::vector<std::int64_t> total;
  } keys;
  // Each head's bias of every distance in the pass, and where in it each sentence's rows begin.
  struct Biases {
    std::vector<float> values;
    std::vector<AttentionBias> of_sentence;
  };
  std::vector<Biases> biases;

 private:
  Pages memory_;
  std::size_t bytes_ = 0;
};

}  // namespace quatrain
