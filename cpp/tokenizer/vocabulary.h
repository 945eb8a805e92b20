// Tokens and their ids, both ways.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quatrain::tokenizer {

// Ids are dense enough for an array: a larger one is refused rather than given much memory.
constexpr std::int64_t kMaxId = (1 << 22) - 1;

// The id as stored, once it is known to be in range. `where` names it in the error.
std::uint32_t checked_id(std::int64_t id, const char* where, std::string_view token);

class Vocabulary {
 public:
  Vocabulary() : slots_(2) {}
  explicit Vocabulary(const std::vector<std::pair<std::string, std::int64_t>>& tokens);

  // Adds a token; a known token or id is refused.
  void add(std::string_view token, std::uint32_t id);

  std::optional<std::uint32_t> find(std::string_view token) const;
  // The ids of up to kAtOnce tokens, UINT32_MAX for those that it lacks. Their memory, which is
  // anywhere, is waited for together.
  static constexpr std::size_t kAtOnce = 64;
  void find(std::span<const std::string_view> tokens, std::span<std::uint32_t> ids) const;
  bool has(std::uint32_t id) const { return id < by_id_.size() && by_id_[id].is_set; }
  std::string_view token(std::uint32_t id) const;  // has(id)
  // The id that a file gives as that of the unknown token, once it is known to be a token's.
  std::optional<std::uint32_t> checked_unknown(std::optional<std::int64_t> id) const;
  std::size_t size() const { return size_; }
  // The token of each character below U+10000; UINT32_MAX where there is none.
  std::vector<std::uint32_t> character_ids() const;
  std::uint32_t end_id() const { return static_cast<std::uint32_t>(by_id_.size()); }

 private:
  struct Entry {
    std::uint32_t offset = 0, size = 0, hash = 0;
    bool is_set = false;
  };
  std::optional<std::uint32_t> find(std::string_view token, std::uint64_t hash) const;
  std::size_t place(std::uint64_t hash) const { return hash & (slots_.size() - 1); }
  void rehash(std::size_t slots);

  std::string bytes_;
  std::vector<Entry> by_id_;
  std::vector<std::uint32_t> slots_;  // id + 1, or 0
  std::size_t size_ = 0;
};

}  // namespace quatrain::tokenizer
