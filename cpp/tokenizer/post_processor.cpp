#include "tokenizer/post_processor.h"

#include <algorithm>
#include <limits>

#include "core/check.h"
#include "tokenizer/unicode.h"
#include "tokenizer/vocabulary.h"

namespace quatrain::tokenizer {
namespace {

constexpr const char* kWhere = "post_processor";

// Checks a template and returns the number of tokens that it adds.
std::size_t checked_size(const std::vector<TemplatePiece>& pieces, bool is_pair) {
  std::size_t added = 0;
  bool has_first = false, has_second = false;
  for (const TemplatePiece& piece : pieces) {
    if (piece.is_sequence) {
      (piece.is_pair ? has_second : has_first) = true;
      continue;
    }
    check<TokenizerError>(piece.ids.size() == piece.tokens.size(), kWhere, "a special token has ",
                          piece.ids.size(), " ids and ", piece.tokens.size(), " texts");
    for (std::size_t i = 0; i < piece.ids.size(); ++i) {
      checked_id(piece.ids[i], kWhere, piece.tokens[i]);
    }
    added += piece.ids.size();
  }
  check<TokenizerError>(has_first && has_second == is_pair, kWhere, "the template for ",
                        is_pair ? "two texts must hold sequences A and B"
                                : "one text must hold sequence A and not B");
  return added;
}

}  // namespace

PostProcessor::PostProcessor(const std::vector<PostProcessorSpec>& steps,
                             const TokenText& token_text, std::uint32_t end_id) {
  for (const PostProcessorSpec& step : steps) {
    check<TokenizerError>(!frame_, kWhere,
                          "a sequence that goes on behind a template is not supported");
    if (step.kind == PostProcessorSpec::Kind::kTrimOffsets) {
      check<TokenizerError>(!trims_, kWhere, "trimming offsets twice is not supported");
      trims_ = true;
      prefix_space_ = step.add_prefix_space;
    } else {
      frame_ = step;
    }
  }
  if (trims_) {
    spaces_.resize(end_id);
    for (std::uint32_t id = 0; id < end_id; ++id) spaces_[id] = spaces(token_text(id));
  }
  if (frame_) {
    added_single_ = checked_size(frame_->single, false);
    added_pair_ = checked_size(frame_->pair, true);
    // A text that is the vocabulary's need not be kept.
    for (auto* pieces : {&frame_->single, &frame_->pair}) {
      for (TemplatePiece& piece : *pieces) {
        for (std::size_t i = 0; i < piece.ids.size(); ++i) {
          const auto id = static_cast<std::uint32_t>(piece.ids[i]);
          check<TokenizerError>(id < end_id && !token_text(id).empty(), kWhere, "special token '",
                                piece.tokens[i], "' has id ", id, ", which no token has");
          if (token_text(id) == piece.tokens[i]) piece.tokens[i].clear();
        }
      }
    }
  }
}

PostProcessor::Spaces PostProcessor::spaces(std::string_view token) {
  const auto& classes = unicode::class_table();
  const auto is_space = [&](char32_t c) {
    return c == U'\u0120' || (classes[c] & unicode::Class::kSpace);
  };
  constexpr std::uint16_t kMost = std::numeric_limits<std::uint16_t>::max();
  Spaces counted;
  for (std::size_t at = 0; at < token.size() && counted.leading < kMost; ++counted.leading) {
    if (!is_space(unicode::decode(token, at))) break;
  }
  for (std::size_t at = token.size(); at > 0 && counted.trailing < kMost; ++counted.trailing) {
    if (!is_space(unicode::decode_before(token, at))) break;
  }
  return counted;
}

void PostProcessor::trim(Sequence& sequence) const {
  if (!trims_) return;
  auto text = sequence.texts.begin();
  for (std::size_t i = 0; i < sequence.size(); ++i) {
    Spaces count = spaces_[sequence.ids[i]];
    if (text != sequence.texts.end() && text->first == i) count = spaces((text++)->second);
    Span& span = sequence.offsets[i];
    if (count.leading > 0) {
      // The space in front of a text was put there by us, and is no part of it to trim.
      const bool is_first = i == 0 || span.begin == 0;
      if (is_first && prefix_space_ && count.leading == 1) count.leading = 0;
      span.begin = std::min(span.begin + count.leading, span.end);
    }
    if (count.trailing > 0 && span.end >= count.trailing) {
      span.end = std::max(span.end - count.trailing, span.begin);
    }
  }
}

std::vector<bool> PostProcessor::places(bool is_pair) const {
  std::vector<bool> places;
  join(is_pair, false, [&places, nothing = Sequence()](std::size_t, bool is_second) -> const auto& {
    places.push_back(is_second);
    return nothing;
  });
  return places;
}

Encoding PostProcessor::join(bool is_pair, bool add_special_tokens, const Pick& pick) const {
  Encoding encoding;
  if (!frame_) {
    encoding.append(pick(0, false), 0, false);
    if (is_pair) encoding.append(pick(1, true), 1, true);
    return encoding;
  }
  std::size_t place = 0;
  for (const TemplatePiece& piece : is_pair ? frame_->pair : frame_->single) {
    if (piece.is_sequence) {
      std::uint32_t type_id = piece.type_id;
      if (!add_special_tokens && frame_->bare_type_ids) {
        const auto [first_type, second_type] = *frame_->bare_type_ids;
        type_id = piece.is_pair ? second_type : first_type;
      }
      encoding.append(pick(place++, piece.is_pair), type_id, piece.is_pair);
    } else if (add_special_tokens) {
      for (std::size_t i = 0; i < piece.ids.size(); ++i) {
        if (const std::string& text = piece.tokens[i]; !text.empty()) {
          encoding.texts.emplace_back(static_cast<std::uint32_t>(encoding.size()), text);
        }
        encoding.append(static_cast<std::uint32_t>(piece.ids[i]), piece.type_id);
      }
    }
  }
  return encoding;
}

}  // namespace quatrain::tokenizer
