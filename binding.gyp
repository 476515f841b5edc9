{
  # One static library per instruction set, all from the same kernel sources: the flags and the
  # namespace differ (native/kernels/isa.h). The addon picks one table at run time (dispatch.cc).
  'variables': {
    # -fno-strict-aliasing also comes with the headers of newer Nodes: named here, the last bits do not depend on them.
    'kernel_sources': ['<!@(node -p "require(\'fs\').readdirSync(\'native/kernels\').filter(f=>f.endsWith(\'.cc\')).map(f=>\'native/kernels/\'+f).join(\' \')")'],
    'common_flags': ['-std=c++20', '-O3', '-g1', '-Wall', '-Wextra', '-Wno-unused-parameter', '-Wno-psabi', '-Wno-maybe-uninitialized', '-Wno-uninitialized', '-Wno-ignored-attributes',
                     '-fno-exceptions', '-fno-rtti', '-ffp-contract=fast', '-fno-math-errno', '-fno-trapping-math', '-fno-strict-aliasing', '-fvisibility=hidden', '-fPIC'],
  },
  'target_defaults': {
    'cflags!': ['-O2', '-fno-omit-frame-pointer'],
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-fno-exceptions', '-fno-rtti'],
    'cflags_cc': ['<@(common_flags)'],
    'include_dirs': ['native'],
    'xcode_settings': { 'OTHER_CPLUSPLUSFLAGS': ['<@(common_flags)'], 'MACOSX_DEPLOYMENT_TARGET': '13.0' },
  },
  'targets': [
    { 'target_name': 'kernels_scalar', 'type': 'static_library', 'sources': ['<@(kernel_sources)'],
      'defines': ['POLLUX_ISA_SCALAR'] },
    { 'target_name': 'pollux',
      'sources': ['native/binding/addon.cc', 'native/binding/dispatch.cc', 'native/parallel/pool.cc', '<!@(node -p "require(\'fs\').readdirSync(\'native/tokenizer\').filter(f=>f.endsWith(\'.cc\')).map(f=>\'native/tokenizer/\'+f).join(\' \')")'],
      'dependencies': ['kernels_scalar'],
      'defines': ['NAPI_VERSION=9'],
      'libraries': ['-lpthread'],
      'conditions': [
        ['target_arch=="x64"', { 'dependencies': ['kernels_avx2', 'kernels_avx512', 'kernels_avx512bf16', 'kernels_amx', 'kernels_amxemu'] }],
        ['target_arch=="arm64"', { 'dependencies': ['kernels_neon'] }],
      ] },
  ],
  'conditions': [
    ['target_arch=="x64"', { 'targets': [
      { 'target_name': 'kernels_avx2', 'type': 'static_library', 'sources': ['<@(kernel_sources)'],
        'defines': ['POLLUX_ISA_AVX2'], 'cflags_cc': ['-mavx2', '-mfma', '-mf16c', '-mbmi2'] },
      { 'target_name': 'kernels_avx512', 'type': 'static_library', 'sources': ['<@(kernel_sources)'],
        'defines': ['POLLUX_ISA_AVX512'],
        'cflags_cc': ['-mavx2', '-mfma', '-mf16c', '-mbmi2', '-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mprefer-vector-width=512'] },
      { 'target_name': 'kernels_avx512bf16', 'type': 'static_library', 'sources': ['<@(kernel_sources)'],
        'defines': ['POLLUX_ISA_AVX512BF16'],
        'cflags_cc': ['-mavx2', '-mfma', '-mf16c', '-mbmi2', '-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mavx512bf16', '-mavx512vnni', '-mprefer-vector-width=512'] },
      { 'target_name': 'kernels_amx', 'type': 'static_library', 'sources': ['<@(kernel_sources)'],
        'defines': ['POLLUX_ISA_AMX'],
        'cflags_cc': ['-mavx2', '-mfma', '-mf16c', '-mbmi2', '-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mavx512bf16', '-mavx512vnni', '-mamx-tile', '-mamx-bf16', '-mprefer-vector-width=512'] },
      # The AMX code with its tile registers in plain C++: tests its logic on any machine.
      { 'target_name': 'kernels_amxemu', 'type': 'static_library', 'sources': ['<@(kernel_sources)'],
        'defines': ['POLLUX_ISA_AMXEMU'], 'cflags_cc': ['-mavx2', '-mfma', '-mf16c', '-mbmi2'] },
    ] }],
    ['target_arch=="arm64"', { 'targets': [
      { 'target_name': 'kernels_neon', 'type': 'static_library', 'sources': ['<@(kernel_sources)'], 'defines': ['POLLUX_ISA_NEON'] },
    ] }],
  ],
}
