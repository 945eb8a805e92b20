// Byte-pair merges of texts that are one token over and over.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "tokenizer/pair_table.h"

namespace quatrain::tokenizer {

// Equal tokens side by side.
struct Run {
  std::uint32_t id;
  std::size_t symbols;  // that each of them is made of
  std::size_t count;
};

// Runs as they are once all merges are done; none if that is better found out otherwise.
std::optional<std::vector<Run>> merge_runs(const PairTable& merges, std::vector<Run> runs);

}  // namespace quatrain::tokenizer
