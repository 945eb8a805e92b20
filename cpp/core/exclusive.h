// What one caller at a time may use: a second one is told so, and does not race with the first.
#pragma once
#include <atomic>

#include "core/check.h"

namespace quatrain {

class Exclusive {
 public:
  // Holds it as long as it lives. Throws InputError while another does.
  class Use {
   public:
    Use(Exclusive& held, const char* where, const char* name) : held_(held) {
      check(!held_.used_.exchange(true, std::memory_order_acquire), where, "expected ", name,
            " of its own, got one that is in use");
    }
    ~Use() { held_.used_.store(false, std::memory_order_release); }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    Exclusive& held_;
  };

 private:
  std::atomic<bool> used_{false};
};

}  // namespace quatrain
