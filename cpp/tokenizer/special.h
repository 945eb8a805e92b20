// Special tokens are control. What a caller calls text must not become one, whether by its spelling
// or by way of the model, in whose vocabulary many of them are.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tokenizer/text.h"

namespace quatrain::tokenizer {

class IdSet {
 public:
  void insert(std::uint32_t id) {
    if (id >= bits_.size()) bits_.resize(std::size_t{id} + 1);
    bits_[id] = true;
  }
  bool has(std::uint32_t id) const { return id < bits_.size() && bits_[id]; }
  bool empty() const { return bits_.empty(); }

 private:
  std::vector<bool> bits_;
};

// Which special tokens a text cannot name; by default it can name all.
struct SpecialRule {
  bool raises = false;  // at a refused token; else its text is read like any other
  IdSet refused;
  // Those of them that the model might give; not the unknown token, which stands for other text.
  IdSet barred;
};

// A rule at work on one text, or in some byte ranges of it, which are in order and do not overlap.
class SpecialGuard {
 public:
  SpecialGuard(const SpecialRule& rule, std::optional<std::span<const Piece>> within,
               const Source& source);

  const SpecialRule& rule() const { return rule_; }
  // Whether a token from these characters is refused, or must not come from the model.
  bool refuses(std::uint32_t id, Span from) const { return rule_.refused.has(id) && covers(from); }
  bool bars(std::uint32_t id, Span from) const { return rule_.barred.has(id) && covers(from); }
  bool covers(Span span) const;  // any of its characters

 private:
  const SpecialRule& rule_;
  bool is_everywhere_;
  std::vector<Span> within_;  // in characters
};

}  // namespace quatrain::tokenizer
