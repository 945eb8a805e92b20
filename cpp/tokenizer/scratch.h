// What a call works with.
#pragma once
#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace quatrain::tokenizer {

// Buffers of one call, and the word cache.
struct Tokenizer::Scratch {
  Workspace workspace;
  Source source;
  Text text, part;
  std::vector<AddedTokens::Part> outer, inner;
  std::vector<Piece> pieces;
  std::vector<Token> tokens;
  std::array<Sequence, 2> texts;  // of a pair
  IdBuffer ids;
  std::string utf8, normalized;
  std::thread::id thread;   // that used it last
  std::size_t longest = 0;  // text so far that took more than ids, in bytes
};

class Tokenizer::Lease {
 public:
  explicit Lease(const Tokenizer& owner) : owner_(owner) {
    const std::lock_guard lock(owner_.mutex_);
    auto& idle = owner_.idle_;
    if (idle.empty()) return;
    // What this thread had last may still be near its core.
    const auto own = std::ranges::find(idle, std::this_thread::get_id(),
                                       [](const auto& scratch) { return scratch->thread; });
    if (own != idle.end()) std::swap(*own, idle.back());
    scratch_ = std::move(idle.back());
    idle.pop_back();
  }
  ~Lease() {
    if (!scratch_) return;
    if (scratch_->utf8.size() > kKept) scratch_->utf8 = {};
    const Scratch& used = *scratch_;
    if (std::max({used.longest, used.workspace.capacity(), used.normalized.capacity(),
                  used.ids.capacity(), used.outer.capacity(), used.inner.capacity(),
                  used.pieces.capacity()}) > kKept) {
      return;
    }
    const std::lock_guard lock(owner_.mutex_);
    try {
      owner_.idle_.push_back(std::move(scratch_));
    } catch (const std::bad_alloc&) {  // then it is not kept
    }
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  Scratch& operator*() {
    if (!scratch_) scratch_ = std::make_unique<Scratch>();
    scratch_->thread = std::this_thread::get_id();
    return *scratch_;
  }

 private:
  // The buffers of a longer text are given back rather than kept for the next call.
  static constexpr std::size_t kKept = 1 << 20;  // bytes or elements

  const Tokenizer& owner_;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace quatrain::tokenizer
