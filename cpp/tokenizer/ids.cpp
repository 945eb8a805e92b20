// Ids alone: what encoding comes to when nobody asks where tokens come from.
#include <algorithm>
#include <mutex>
#include <numeric>

#include "core/check.h"
#include "core/interrupt.h"
#include "core/parallel.h"
#include "tokenizer/byte_words.h"
#include "tokenizer/lengths.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/scratch.h"

namespace quatrain::tokenizer {
namespace {

// A longer text is read in parts, between which the caller may stop.
constexpr std::size_t kPart = std::size_t{1} << 22;

}  // namespace

void Tokenizer::read_part_ids(std::string_view part, const char* readable, Scratch& scratch,
                              IdBuffer& out) const {
  const auto append = [&](std::string_view text) {
    append_word_ids(*pre_tokenizer_.scanner(), *model_->byte_bpe(), text, readable,
                    scratch.workspace.id_cache, out);
  };
  if (!pre_tokenizer_.cuts_before_scanner()) return append(part);
  pre_tokenizer_.cut_before_scanner(part, scratch.pieces);
  for (const Piece& piece : scratch.pieces) {
    append(part.substr(piece.begin, piece.end - piece.begin));
  }
}

void Tokenizer::read_ids(std::string_view text, const SpecialRule& rule, Scratch& scratch,
                         IdBuffer& out) const {
  const bool is_byte_level = model_->byte_bpe() && pre_tokenizer_.scanner();
  const bool is_raw =
      (bert_words_ || marked_words_ || sentencepiece_words_) && !added_.has_any(true);
  const auto read_carefully = [&] {
    Sequence& tokens = scratch.texts[0];
    read(text, rule, std::nullopt, scratch, tokens);
    out.append(tokens.ids);
  };
  if (!(is_byte_level || is_raw)) return read_carefully();
  // Few texts name a refused token: those that do are read again.
  const std::size_t first = out.size();
  bool is_refused = false, is_read = true;
  const auto push = [&](const AddedTokens::Part& part) {
    const auto id = static_cast<std::uint32_t>(part.token->id);
    is_refused = is_refused || rule.refused.has(id);
    out.push(id);
  };
  added_.split(text, false, {}, scratch.outer);
  for (const AddedTokens::Part& outer : scratch.outer) {
    if (outer.token) {
      push(outer);
      continue;
    }
    std::string_view part = text.substr(outer.piece.begin, outer.piece.end - outer.piece.begin);
    const char* readable = text.data() + text.size();
    if (bert_words_) {
      bert_words_->read(part, readable, scratch.workspace, out);
      continue;
    }
    if (marked_words_) {
      marked_words_->read(part, outer.piece.begin == 0, readable, scratch.workspace, out);
      continue;
    }
    if (sentencepiece_words_) {
      is_read = is_read && sentencepiece_words_->read(part, readable, scratch.workspace, out);
      continue;
    }
    if (!surely_keep(normalizers_, part)) {
      scratch.normalized = normalized(normalizers_, part);
      part = scratch.normalized;
      readable = part.data() + part.size();
    }
    if (!added_.has_any(true)) {
      read_part_ids(part, readable, scratch, out);
      continue;
    }
    added_.split(part, true, {}, scratch.inner);
    for (const AddedTokens::Part& inner : scratch.inner) {
      if (inner.token) {
        push(inner);
      } else {
        const std::size_t size = inner.piece.end - inner.piece.begin;
        read_part_ids(part.substr(inner.piece.begin, size), readable, scratch, out);
      }
    }
  }
  const auto ids = out.ids(first);
  if (!is_refused && !rule.barred.empty()) {
    is_refused =
        std::any_of(ids.begin(), ids.end(), [&](std::uint32_t id) { return rule.barred.has(id); });
  }
  if (is_read && !is_refused) return;
  out.shorten(first);
  read_carefully();
}

void Tokenizer::read_long_ids(std::string_view text, const SpecialRule& rule, Scratch& scratch,
                              IdBuffer& out) const {
  check(text.size() < UINT32_MAX, "encode", "the text has ", text.size(),
        " bytes, expected less than 4 GiB");
  Pulse pulse;
  // What is refused is named by its place in the whole text.
  while (!rule.raises && cuts_.any() && text.size() > kPart) {
    const std::size_t size = last_cut(text.substr(0, kPart), 0, cuts_);
    if (size == 0) break;
    read_ids(text.substr(0, size), rule, scratch, out);
    text.remove_prefix(size);
    pulse.read(size);
  }
  read_ids(text, rule, scratch, out);
}

void Tokenizer::append_ids(std::string_view text, bool add_special_tokens,
                           const LengthSpec& lengths, const SpecialRule& rule, Scratch& scratch,
                           IdBuffer& out) const {
  std::size_t begin = 0, end = 0;  // of the text's own ids
  for (const PostProcessor::Item& item : post_processor_.items(false, add_special_tokens)) {
    if (!item.is_text) {
      out.push(item.id);
    } else if (end > begin) {
      out.reserve(end - begin);
      out.append(out.ids().subspan(begin, end - begin));
    } else {
      begin = out.size();
      out.reserve(text.size() / 4 + 64);
      read_long_ids(text, rule, scratch, out);
      if (lengths.truncation) {
        const std::size_t size = out.size() - begin;
        const std::size_t added = add_special_tokens ? post_processor_.added(false) : 0;
        const std::size_t length =
            tokenizer::fit(*lengths.truncation, added, size, std::nullopt)[0];
        const TokenRange kept = window(*lengths.truncation, length, size, 0);
        out.keep(begin, begin + kept.begin, begin + kept.end);
      }
      end = out.size();
    }
  }
}

void Tokenizer::append_ids(const Characters& text, bool add_special_tokens,
                           const LengthSpec& lengths, const SpecialRule& rule,
                           IdBuffer& out) const {
  Lease lease(*this);
  append_ids(to_utf8(text, (*lease).utf8), add_special_tokens, lengths, rule, *lease, out);
}

std::size_t Tokenizer::count(const Characters& text, bool add_special_tokens,
                             const LengthSpec& lengths, const SpecialRule& rule) const {
  Lease lease(*this);
  IdBuffer& ids = (*lease).ids;
  ids.shorten(0);
  append_ids(to_utf8(text, (*lease).utf8), add_special_tokens, lengths, rule, *lease, ids);
  return ids.size();
}

RaggedIds Tokenizer::ids(std::span<const Characters> texts, bool add_special_tokens,
                         const LengthSpec& lengths, const SpecialRule& rule, int threads) const {
  RaggedIds all;
  all.offsets.resize(texts.size() + 1);
  struct Range {
    std::size_t first;  // text
    IdBuffer ids;
  };
  std::vector<Range> ranges;
  std::mutex mutex;
  parallel_for(threads, std::ssize(texts), [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    Lease lease(*this);
    Range range{static_cast<std::size_t>(begin), {}};
    // Nearly always enough. Memory that is not touched is free, but for the rest of a huge page,
    // which is much if every range has one.
    const bool is_all = end - begin == std::ssize(texts);
    const auto room_for = [is_all](const Characters& text) {
      if (!is_all) return text.size / 3;
      return text.width > 1 ? text.size + text.size / 4 : text.size / 2;
    };
    std::size_t room = 0;
    for (std::ptrdiff_t i = begin; i < end; ++i)
      room += room_for(texts[static_cast<std::size_t>(i)]);
    range.ids.reserve(room);
    Pulse pulse;
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      const std::size_t before = range.ids.size();
      named([i] { return "text " + std::to_string(i); },
            [&] {
              append_ids(to_utf8(texts[i], (*lease).utf8), add_special_tokens, lengths, rule,
                         *lease, range.ids);
            });
      all.offsets[i + 1] = static_cast<std::int64_t>(range.ids.size() - before);
      pulse.read(texts[i].size);
    }
    const std::lock_guard lock(mutex);
    ranges.push_back(std::move(range));
  });
  std::partial_sum(all.offsets.begin(), all.offsets.end(), all.offsets.begin());
  if (ranges.size() == 1) {
    all.ids = std::move(ranges[0].ids);
    return all;
  }
  all.ids.reserve(static_cast<std::size_t>(all.offsets.back()));
  parallel_for(threads, std::ssize(ranges), [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      const auto ids = ranges[i].ids.ids();
      std::copy(ids.begin(), ids.end(), all.ids.data() + all.offsets[ranges[i].first]);
    }
  });
  all.ids.advance(static_cast<std::size_t>(all.offsets.back()));
  return all;
}

}  // namespace quatrain::tokenizer
