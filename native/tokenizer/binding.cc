// Exports the native tokenizer to JavaScript.
#include "binding/bind.h"

namespace pollux::binding {

void define_tokenizer(napi_env env, napi_value exports) {
  (void)env;
  (void)exports;
}

}  // namespace pollux::binding
