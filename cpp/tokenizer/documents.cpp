#include "tokenizer/documents.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/check.h"
#include "core/parallel.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

// A document that cannot be cut is held in memory; a longer one is refused.
constexpr std::size_t kLongest = std::size_t{1} << 28;
constexpr std::size_t kSharesPerThread = 4;

}  // namespace

DocumentEncoder::DocumentEncoder(std::shared_ptr<const Tokenizer> tokenizer,
                                 bool add_special_tokens, SpecialRule rule, int threads,
                                 std::size_t part)
    : tokenizer_(std::move(tokenizer)), rule_(std::move(rule)), threads_(threads), part_(part) {
  const auto frame = tokenizer_->frame();  // refuses a text that is repeated
  if (add_special_tokens) std::tie(before_, behind_) = frame;
}

DocumentEncoder::Output DocumentEncoder::encode(std::span<const std::string_view> documents) {
  std::vector<Part> parts;
  for (const std::string_view document : documents) add(document, true, parts);
  return encode(parts);
}

std::size_t DocumentEncoder::add(std::string_view text, bool is_last, std::vector<Part>& parts) {
  const CutRule rule = tokenizer_->cuts();
  std::size_t begin = 0;
  while (rule.any() && text.size() - begin > part_) {
    const std::string_view rest = text.substr(begin);
    std::size_t size = uncut_ > part_ ? 0 : last_cut(rest.substr(0, part_ + 1), 0, rule);
    if (size == 0) size = last_cut(rest, std::max(part_, uncut_), rule);
    uncut_ = size == 0 ? rest.size() : 0;
    if (size == 0) break;
    parts.push_back({rest.substr(0, size), inside_, !std::exchange(is_inside_, true), false});
    begin += size;
    inside_ += size;
  }
  if (!is_last) return begin;
  parts.push_back({text.substr(begin), inside_, !std::exchange(is_inside_, false), true});
  uncut_ = inside_ = 0;
  return text.size();
}

DocumentEncoder::Output DocumentEncoder::push(std::string_view block, std::string_view separator,
                                              bool is_last) {
  pending_.append(block);
  check_text(is_last);
  const std::string_view text = std::string_view(pending_).substr(0, valid_);
  std::vector<Part> parts;
  std::size_t begin = 0;
  while (!separator.empty()) {
    const std::size_t found = text.find(separator, std::max(begin, searched_));
    if (found == std::string_view::npos) break;
    add(text.substr(begin, found - begin), true, parts);
    begin = searched_ = found + separator.size();
  }
  const std::string_view rest = text.substr(begin);
  if (!is_last || !rest.empty() || is_inside_ || separator.empty()) {
    begin += add(rest, is_last, parts);
  }
  Output output = encode(parts);
  check(valid_ - begin <= kLongest, "encode", "document ", documents_, " has more than ", kLongest,
        " bytes, and there is no place where it could be cut without changing its tokens");
  const auto end = pending_.begin() + static_cast<std::ptrdiff_t>(begin);
  lines_ += static_cast<std::uint64_t>(std::count(pending_.begin(), end, '\n'));
  bytes_ += begin;
  pending_.erase(pending_.begin(), end);
  valid_ -= begin;
  searched_ = valid_ - std::min(valid_, separator.size());
  return output;
}

void DocumentEncoder::check_text(bool is_last) {
  const std::string_view text = pending_;
  valid_ += unicode::valid_prefix(text.substr(valid_));
  const std::size_t left = text.size() - valid_;
  if (left == 0 || (left < 4 && !is_last)) return;
  const auto lines =
      lines_ + static_cast<std::uint64_t>(std::count(text.begin(), text.begin() + valid_, '\n'));
  fail("encode", "byte ", bytes_ + valid_, " (line ", lines + 1, ") is not UTF-8");
}

DocumentEncoder::Output DocumentEncoder::encode(std::span<const Part> parts) {
  // Shares of about the same size, in order.
  std::size_t size = 0;
  for (const Part& part : parts) size += part.text.size() + 1;
  const std::size_t wanted = size / (static_cast<std::size_t>(threads_) * kSharesPerThread) + 1;
  struct Share {
    std::span<const Part> parts;
    std::uint64_t documents;  // before it
    IdBuffer ids;
    std::vector<std::int64_t> ends;
  };
  std::vector<Share> shares;
  std::size_t begin = 0, bytes = 0;
  std::uint64_t documents = documents_;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    bytes += parts[i].text.size() + 1;
    if (bytes < wanted && i + 1 < parts.size()) continue;
    shares.push_back({parts.subspan(begin, i + 1 - begin), documents, {}, {}});
    for (; begin <= i; ++begin) documents += parts[begin].is_last;
    bytes = 0;
  }
  parallel_for(threads_, std::ssize(shares), [&](std::ptrdiff_t from, std::ptrdiff_t to) {
    for (auto i = static_cast<std::size_t>(from); i < static_cast<std::size_t>(to); ++i) {
      auto& [own, document, ids, ends] = shares[i];
      for (const Part& part : own) {
        if (part.is_first) ids.append(before_);
        const auto name = [&, number = document] {
          const std::string place =
              part.begin > 0 ? ", from byte " + std::to_string(part.begin) + " on" : "";
          return "document " + std::to_string(number) + place;
        };
        named(name, [&, &all = ids] { tokenizer_->append_ids(part.text, false, {}, rule_, all); });
        if (!part.is_last) continue;
        ids.append(behind_);
        ends.push_back(static_cast<std::int64_t>(ids.size()));
        ++document;
      }
    }
  });
  Output all;
  std::size_t count = 0;
  for (const Share& share : shares) count += share.ids.size();
  all.ids.reserve(count);
  for (const Share& share : shares) {
    const std::int64_t before = tokens_ + std::ssize(all.ids);
    for (const std::int64_t end : share.ends) all.ends.push_back(before + end);
    all.ids.insert(all.ids.end(), share.ids.ids().begin(), share.ids.ids().end());
  }
  tokens_ += std::ssize(all.ids);
  documents_ = documents;
  return all;
}

}  // namespace quatrain::tokenizer
