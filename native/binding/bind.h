// Turns a C++ function into a JavaScript function by its signature.
//
// Each parameter type has one rule (Argument<T>): View <- Float32Array (F32) or Uint16Array (BF16), empty
// view <- null; float* <- Float32Array; int32_t* <- Int32Array; void* <- Uint8Array; numbers <- number;
// bool <- boolean; Dtype <- 'f32' | 'bf16'. Anything else throws a TypeError that names function, argument
// and what was expected. The glue checks and converts; it computes nothing and knows no shapes.
#pragma once
#define NAPI_EXPERIMENTAL_BASIC_FINALIZERS_ONLY
#include <node_api.h>
#include <string>
#include <tuple>
#include <utility>
#include "kernels/types.h"

namespace pollux::binding {

struct Context {
  napi_env env;
  const char* function;
  int index = 0;
  bool failed = false;
  Context& at(int argument) {
    index = argument;
    return *this;
  }
  void fail(const char* expected) {
    if (failed) return;
    failed = true;
    std::string text = std::string("native ") + function + ": argument " + std::to_string(index) + " must be " + expected;
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", text.c_str());
  }
};

inline bool is_null(napi_env env, napi_value value) {
  napi_valuetype type;
  napi_typeof(env, value, &type);
  return type == napi_null || type == napi_undefined;
}

struct Array {
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  bool ok = false;
};

inline Array typed_array(Context& c, napi_value value) {
  Array array;
  bool is = false;
  napi_is_typedarray(c.env, value, &is);
  if (!is) return array;
  array.ok = napi_get_typedarray_info(c.env, value, &array.type, &array.length, &array.data, nullptr, nullptr) == napi_ok;
  return array;
}

template <class T> T view_of(Context& c, napi_value value) {
  if (is_null(c.env, value)) return T{nullptr, F32, 0};
  Array array = typed_array(c, value);
  if (array.ok && array.type == napi_float32_array) return T{array.data, F32, int64_t(array.length)};
  if (array.ok && array.type == napi_uint16_array) return T{array.data, BF16, int64_t(array.length)};
  c.fail("a Float32Array, a Uint16Array (bf16) or null");
  return T{nullptr, F32, 0};
}

template <class P> P* pointer_of(Context& c, napi_value value, napi_typedarray_type type, const char* expected) {
  if (is_null(c.env, value)) return nullptr;
  Array array = typed_array(c, value);
  if (!array.ok || array.type != type) {
    c.fail(expected);
    return nullptr;
  }
  return static_cast<P*>(array.data);
}

inline double number_of(Context& c, napi_value value) {
  double number = 0;
  if (napi_get_value_double(c.env, value, &number) != napi_ok) c.fail("a number");
  return number;
}

template <class T> struct Argument;
template <> struct Argument<View> { static View from(Context& c, napi_value v) { return view_of<View>(c, v); } };
template <> struct Argument<MutView> { static MutView from(Context& c, napi_value v) { return view_of<MutView>(c, v); } };
#define POLLUX_POINTER(T, KIND, NAME)                                                                             \
  template <> struct Argument<T*> {                                                                               \
    static T* from(Context& c, napi_value v) { return pointer_of<T>(c, v, KIND, NAME); }                          \
  };                                                                                                              \
  template <> struct Argument<const T*> {                                                                         \
    static const T* from(Context& c, napi_value v) { return pointer_of<T>(c, v, KIND, NAME); }                    \
  };
POLLUX_POINTER(float, napi_float32_array, "a Float32Array or null")
POLLUX_POINTER(int32_t, napi_int32_array, "an Int32Array or null")
POLLUX_POINTER(uint8_t, napi_uint8_array, "a Uint8Array or null")
POLLUX_POINTER(uint32_t, napi_uint32_array, "a Uint32Array or null")
POLLUX_POINTER(uint64_t, napi_biguint64_array, "a BigUint64Array or null")
POLLUX_POINTER(void, napi_uint8_array, "a Uint8Array or null")
#undef POLLUX_POINTER
template <> struct Argument<int64_t> { static int64_t from(Context& c, napi_value v) { return int64_t(number_of(c, v)); } };
template <> struct Argument<int32_t> { static int32_t from(Context& c, napi_value v) { return int32_t(number_of(c, v)); } };
template <> struct Argument<double> { static double from(Context& c, napi_value v) { return number_of(c, v); } };
template <> struct Argument<float> { static float from(Context& c, napi_value v) { return float(number_of(c, v)); } };
template <> struct Argument<bool> {
  static bool from(Context& c, napi_value v) {
    bool flag = false;
    if (napi_get_value_bool(c.env, v, &flag) != napi_ok) c.fail("a boolean");
    return flag;
  }
};
template <> struct Argument<Dtype> {
  static Dtype from(Context& c, napi_value v) {
    char text[8] = {};
    size_t length = 0;
    napi_get_value_string_utf8(c.env, v, text, sizeof text, &length);
    std::string name(text, length);
    if (name != "f32" && name != "bf16") c.fail("'f32' or 'bf16'");
    return name == "bf16" ? BF16 : F32;
  }
};

template <> struct Argument<CacheDtype> {
  static CacheDtype from(Context& c, napi_value v) {
    char text[8] = {};
    size_t length = 0;
    napi_get_value_string_utf8(c.env, v, text, sizeof text, &length);
    std::string name(text, length);
    if (name != "f32" && name != "bf16" && name != "int8") c.fail("'f32', 'bf16' or 'int8'");
    return name == "int8" ? CACHE_INT8 : name == "bf16" ? CACHE_BF16 : CACHE_F32;
  }
};

inline napi_value to_js(napi_env env, double number) {
  napi_value value;
  napi_create_double(env, number, &value);
  return value;
}

template <class R, class... A> struct Caller {
  typedef R (*Function)(A...);
  struct Entry {
    Function function;
    const char* name;
  };

  template <size_t... I>
  static napi_value invoke(napi_env env, const Entry& entry, napi_value* values, std::index_sequence<I...>) {
    Context context{env, entry.name};
    std::tuple<std::decay_t<A>...> arguments{Argument<std::decay_t<A>>::from(context.at(int(I) + 1), values[I])...};
    if (context.failed) return nullptr;
    if constexpr (std::is_void_v<R>) {
      entry.function(std::get<I>(arguments)...);
      return nullptr;
    } else {
      return to_js(env, double(entry.function(std::get<I>(arguments)...)));
    }
  }

  static napi_value call(napi_env env, napi_callback_info info) {
    constexpr size_t wanted = sizeof...(A);
    napi_value values[wanted + 1];
    size_t count = wanted + 1;
    void* data = nullptr;
    napi_get_cb_info(env, info, &count, values, nullptr, &data);
    const Entry& entry = *static_cast<const Entry*>(data);
    if (count != wanted) {
      std::string text = std::string("native ") + entry.name + ": takes " + std::to_string(wanted) + " arguments, got " + std::to_string(count);
      napi_throw_type_error(env, "ERR_MISSING_ARGS", text.c_str());
      return nullptr;
    }
    return invoke(env, entry, values, std::make_index_sequence<wanted>());
  }
};

inline void set_callback(napi_env env, napi_value exports, const char* name, napi_callback callback, void* data) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, data, &function);
  napi_set_named_property(env, exports, name, function);
}

// Exports `function` under `name`. Entries live as long as the process.
template <class R, class... A> void define(napi_env env, napi_value exports, const char* name, R (*function)(A...)) {
  auto* entry = new typename Caller<R, A...>::Entry{function, name};
  set_callback(env, exports, name, Caller<R, A...>::call, entry);
}

}  // namespace pollux::binding
