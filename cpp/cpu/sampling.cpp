#include "ops/sampling.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "core/check.h"
#include "cpu/kernels.h"

namespace quatrain {

namespace {

constexpr const char* kWhere = "sampler";
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::uint64_t rank(float logit, std::ptrdiff_t id) {
  const auto bits = std::bit_cast<std::uint32_t>(logit + 0.0f);  // -0 becomes 0
  const std::uint32_t descending = bits >> 31 != 0 ? bits : ~bits & 0x7fffffffu;
  return static_cast<std::uint64_t>(descending) << 32 | static_cast<std::uint64_t>(id);
}

std::int64_t id_of(const Candidate& candidate) {
  return static_cast<std::int64_t>(candidate.rank & 0xffffffffu);
}

float just_below(double x) {
  constexpr double kLowest = std::numeric_limits<float>::lowest();
  return std::nextafter(static_cast<float>(std::max(x, kLowest)), -kInfinity);
}

bool likelier(const Candidate& a, const Candidate& b) { return a.rank < b.rank; }

// The middle one of nine ranks out of `count`, which is 9 at least.
std::uint64_t median(const Candidate* candidates, std::ptrdiff_t count) {
  std::uint64_t ranks[9];
  for (std::ptrdiff_t i = 0; i < 9; ++i) ranks[i] = candidates[i * (count - 1) / 8].rank;
  std::nth_element(ranks, ranks + 4, ranks + 9);
  return ranks[4];
}

__extension__ using Wide = unsigned __int128;

std::uint64_t high(Wide x) { return static_cast<std::uint64_t>(x >> 64); }
std::uint64_t low(Wide x) { return static_cast<std::uint64_t>(x); }

}  // namespace

double uniform(std::array<std::uint64_t, 2> seed, std::uint64_t step) {
  std::array<std::uint64_t, 4> x{step + 1, 0, 0, 0};
  for (int round = 0; round < 10; ++round) {
    const Wide a = Wide{0xD2E7470EE14C6C93} * x[0], b = Wide{0xCA5A826395121157} * x[2];
    x = {high(b) ^ x[1] ^ seed[0], low(b), high(a) ^ x[3] ^ seed[1], low(a)};
    seed[0] += 0x9E3779B97F4A7C15;
    seed[1] += 0xBB67AE8584CAA73B;
  }
  return static_cast<double>(x[0] >> 11) * 0x1p-53;
}

Sampler::Sampler(const SamplingOptions& o) : options_(o) {
  check(o.temperature >= 0 && std::isfinite(o.temperature), kWhere,
        "expected a finite temperature >= 0, got ", o.temperature);
  check(o.top_k >= 0, kWhere, "expected top_k >= 0, got ", o.top_k);
  check(o.top_p > 0 && o.top_p <= 1, kWhere, "expected top_p in (0, 1], got ", o.top_p);
  check(o.min_p >= 0 && o.min_p <= 1, kWhere, "expected min_p in [0, 1], got ", o.min_p);
  check(o.repetition_penalty > 0 && std::isfinite(o.repetition_penalty), kWhere,
        "expected a finite repetition_penalty > 0, got ", o.repetition_penalty);
  check(std::isfinite(o.presence_penalty), kWhere, "expected a finite presence_penalty, got ",
        o.presence_penalty);
  check(std::isfinite(o.frequency_penalty), kWhere, "expected a finite frequency_penalty, got ",
        o.frequency_penalty);
  factor_ = 1.0 / std::max(o.temperature, 1e-200);
}

void Sampler::read(const std::int64_t* ids, std::ptrdiff_t count) {
  for (std::ptrdiff_t i = 0; i < count; ++i) seen_.try_emplace(ids[i], 0);
}

void Sampler::wrote(std::int64_t id) { ++seen_[id]; }

const float* Sampler::penalised(const float* logits, std::ptrdiff_t count) {
  const SamplingOptions& o = options_;
  if (o.repetition_penalty == 1 && o.presence_penalty == 0 && o.frequency_penalty == 0) {
    return logits;
  }
  penalised_.assign(logits, logits + count);
  for (const auto& [id, times] : seen_) {
    check(id >= 0 && id < count, kWhere, "id ", id, " is outside a vocabulary of ", count);
    double logit = logits[id];
    logit = logit > 0 ? logit / o.repetition_penalty : logit * o.repetition_penalty;
    if (times > 0) logit -= o.presence_penalty + o.frequency_penalty * static_cast<double>(times);
    penalised_[static_cast<std::size_t>(id)] = static_cast<float>(logit);
  }
  return penalised_.data();
}

void Sampler::find_top(std::ptrdiff_t count) {
  check(count > 0 && count < std::ptrdiff_t{1} << 21, kWhere,
        "expected more than 0 and fewer than 2^21 logits, got ", count);
  count_ = count;
  maxima_.resize(static_cast<std::size_t>((count + kLogitBlock - 1) / kLogitBlock));
  top_ = kernels().block_maxima(logits_, count, maxima_.data());
  if (std::isfinite(top_)) return;
  check(top_ != -kInfinity, kWhere, "expected a logit above -inf, got none");
  const float* bad = std::find_if(logits_, logits_ + count,
                                  [](float x) { return std::isnan(x) || x == kInfinity; });
  fail(kWhere, "expected finite logits or -inf, got ", *bad, " for token ", bad - logits_);
}

std::int64_t Sampler::first_of_top() const {
  const auto block = std::find(maxima_.begin(), maxima_.end(), top_) - maxima_.begin();
  return std::find(logits_ + block * kLogitBlock, logits_ + count_, top_) - logits_;
}

// At least `count` logits are not below it; -inf if there are fewer blocks.
float Sampler::block_maximum(std::size_t count) {
  if (count > maxima_.size()) return -kInfinity;
  some_maxima_ = maxima_;
  const auto place = some_maxima_.begin() + static_cast<std::ptrdiff_t>(count) - 1;
  std::nth_element(some_maxima_.begin(), place, some_maxima_.end(), std::greater<>());
  return *place;
}

// All tokens whose logits are not below `lowest`.
void Sampler::gather(float lowest) {
  candidates_.clear();
  values_.clear();
  for (std::size_t block = 0; block < maxima_.size(); ++block) {
    if (maxima_[block] < lowest) continue;
    const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(block) * kLogitBlock;
    for (std::ptrdiff_t id = first; id < std::min(first + kLogitBlock, count_); ++id) {
      if (logits_[id] < lowest) continue;
      candidates_.push_back({rank(logits_[id], id), 0});
      values_.push_back(logits_[id]);
    }
  }
  weights_.resize(values_.size());
  kernels().likelihoods(values_.data(), static_cast<std::ptrdiff_t>(values_.size()), top_, factor_,
                        weights_.data());
  for (std::size_t i = 0; i < weights_.size(); ++i) candidates_[i].weight = weights_[i];
}

// The likeliest tokens, enough of them to weigh `wanted`.
void Sampler::gather_weight(std::int64_t wanted) {
  for (std::size_t count = 256;; count *= 16) {
    gather(block_maximum(count));
    if (count > maxima_.size() || weight() >= wanted) return;
  }
}

// Leaves `count` candidates, the least likely of them last.
void Sampler::keep_likeliest(std::ptrdiff_t count) {
  gather(block_maximum(static_cast<std::size_t>(count)));
  const auto end = candidates_.begin() + count;
  std::nth_element(candidates_.begin(), end - 1, candidates_.end(), likelier);
  candidates_.erase(end, candidates_.end());
}

// How many of the likeliest candidates weigh `wanted`; they come to the front, the least likely of
// them last. The candidates are parted and the search goes on on one side: expected linear time.
std::size_t Sampler::shortest(std::int64_t wanted) {
  auto first = candidates_.begin(), last = candidates_.end();
  for (int round = 0; round < 64 && last - first > 32; ++round) {
    const std::uint64_t pivot = median(&*first, last - first);
    auto middle = first;
    std::int64_t weight = 0;
    for (auto it = first; it != last; ++it) {  // without a branch: none could be foretold
      const bool front = it->rank < pivot;
      weight += front ? it->weight : 0;
      std::swap(it->weight, middle->weight);  // apart: both at once would wait for two stores
      std::swap(it->rank, middle->rank);
      middle += front;
    }
    if (weight >= wanted) {
      last = middle;
    } else {
      wanted -= weight;
      first = middle;
    }
  }
  std::sort(first, last, likelier);
  while (wanted > 0 && first != last) wanted -= (first++)->weight;
  return static_cast<std::size_t>(first - candidates_.begin());
}

std::int64_t Sampler::weight() const {
  std::int64_t sum = 0;
  for (const Candidate& candidate : candidates_) sum += candidate.weight;
  return sum;
}

std::int64_t Sampler::choose(const float* logits, std::ptrdiff_t count, double uniform) {
  check(uniform >= 0 && uniform < 1, kWhere, "expected uniform in [0, 1), got ", uniform);
  const SamplingOptions& o = options_;
  logits_ = penalised(logits, count);
  find_top(count);
  if (o.temperature == 0) return first_of_top();

  // Whether candidates_ are the tokens to choose from; until then, all tokens are.
  bool chosen = o.top_k > 0 && o.top_k < count;
  std::int64_t total;
  if (chosen) {
    keep_likeliest(o.top_k);
    total = weight();
  } else {
    total = kernels().sum_likelihoods(logits_, count, top_, factor_);
  }
  if (o.top_p < 1) {
    const auto wanted = static_cast<std::int64_t>(std::ceil(o.top_p * static_cast<double>(total)));
    if (!chosen) gather_weight(wanted);
    candidates_.resize(shortest(wanted));
    chosen = true;
  }
  if (o.min_p > 0) {
    // A little lower than the least logit that may stay: weights are rounded.
    const double least = top_ + o.temperature * (std::log(o.min_p) - 0.001);
    if (!chosen) gather(o.min_p < 1e-9 ? -kInfinity : just_below(least));
    const double lightest = o.min_p * static_cast<double>(kLikeliest);
    std::erase_if(candidates_, [lightest](const Candidate& candidate) {
      return static_cast<double>(candidate.weight) < lightest;
    });
    chosen = true;
  }
  if (chosen) total = weight();
  const auto drawn = static_cast<std::int64_t>(uniform * static_cast<double>(total));
  const std::int64_t wanted = std::min(drawn, total - 1) + 1;
  if (!chosen) gather_weight(wanted);
  return id_of(candidates_[shortest(wanted) - 1]);
}

std::vector<Likelihood> Sampler::likelihoods(const float* logits, std::ptrdiff_t count,
                                             std::int64_t id, std::ptrdiff_t top) {
  check(id >= 0 && id < count, kWhere, "expected an id below ", count, ", got ", id);
  check(top >= 0, kWhere, "expected top >= 0, got ", top);
  logits_ = logits;
  find_top(count);
  const std::int64_t weights = kernels().sum_likelihoods(logits, count, top_, 1.0);
  const double total = std::log(static_cast<double>(weights) / static_cast<double>(kLikeliest));
  const auto likelihood = [&](std::int64_t token) -> Likelihood {
    return {token, static_cast<double>(logits[token]) - static_cast<double>(top_) - total};
  };
  std::vector<Likelihood> found{likelihood(id)};
  if (top == 0) return found;
  keep_likeliest(std::min(top, count));
  std::sort(candidates_.begin(), candidates_.end(), likelier);
  for (const Candidate& candidate : candidates_) found.push_back(likelihood(id_of(candidate)));
  return found;
}

}  // namespace quatrain
