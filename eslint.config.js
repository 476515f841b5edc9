// Lint rules: what the type checker and the formatter do not see.
import js from '@eslint/js'
import tseslint from 'typescript-eslint'

export default tseslint.config(
  { ignores: ['node_modules', 'build', 'studio/dist', 'runs/*/', 'test/golden', 'coverage', 'scripts/fixtures'] },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    languageOptions: {
      globals: {
        console: 'readonly',
        process: 'readonly',
        Buffer: 'readonly',
        URL: 'readonly',
        performance: 'readonly',
        setTimeout: 'readonly',
        TextDecoder: 'readonly',
        TextEncoder: 'readonly',
      },
    },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_|[sS]cope$|^tape$' },
      ],
      'no-console': 'error',
      'no-control-regex': 'off',
      'no-constant-condition': ['error', { checkLoops: false }],
      'prefer-const': ['error', { destructuring: 'all' }],
      eqeqeq: 'error',
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '^(fs|path|os|child_process|url|util|worker_threads|crypto|stream|zlib|readline|module)(/|$)',
              message: 'write the node: prefix',
            },
          ],
        },
      ],
    },
  },
  // Shape suffixes (x_RD) need no rule: naming is left to the reader of the legend.
  {
    files: ['src/cli/**', 'bench/**', 'scripts/**', 'bin/**', 'runs/**', 'examples/**'],
    rules: { 'no-console': 'off' },
  },
  { files: ['**/*.js'], rules: { 'no-undef': 'off' } },
)
