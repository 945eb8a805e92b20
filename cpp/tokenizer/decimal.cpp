#include "tokenizer/decimal.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>

namespace quatrain::tokenizer {
namespace {

constexpr std::int64_t kLargestPower = 308;

double power_of_ten(std::int64_t exponent) {
  static const auto powers = [] {
    std::array<double, kLargestPower + 1> made;
    for (std::size_t i = 0; i < made.size(); ++i) {
      made[i] = std::strtod(("1e" + std::to_string(i)).c_str(), nullptr);
    }
    return made;
  }();
  if (exponent > kLargestPower) return std::numeric_limits<double>::infinity();
  return powers[static_cast<std::size_t>(exponent)];
}

// A larger exponent says no more: no text has as many digits.
std::int64_t read_exponent(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  std::int64_t value = 0;
  for (const char c : text) {
    if (c >= '0' && c <= '9') value = std::min(10 * value + (c - '0'), std::int64_t{1} << 50);
  }
  return is_negative ? -value : value;
}

}  // namespace

double read_decimal(std::string_view text) {
  const std::string_view mantissa = text.substr(0, text.find_first_of("eE"));
  std::uint64_t digits = 0;
  std::int64_t power = 0;
  bool is_fraction = false, is_full = false;  // digits beyond 64 bits are dropped
  for (const char c : mantissa) {
    if (c == '.') is_fraction = true;
    if (c < '0' || c > '9') continue;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    is_full = is_full || digits > (UINT64_MAX - digit) / 10;
    if (!is_full) digits = 10 * digits + digit;
    power += is_full - is_fraction;
  }
  if (mantissa.size() < text.size()) power += read_exponent(text.substr(mantissa.size() + 1));
  auto value = static_cast<double>(digits);
  for (; power < -kLargestPower && value != 0; power += kLargestPower) {
    value /= power_of_ten(kLargestPower);
  }
  if (value != 0) {
    value = power < 0 ? value / power_of_ten(-power) : value * power_of_ten(power);
  }
  return text.starts_with('-') ? -value : value;
}

}  // namespace quatrain::tokenizer
