import lit from 'eslint-plugin-lit';
import tseslint from 'typescript-eslint';

// Imports run downward.
const LAYERS = ['text', 'wire', 'channel', 'state', 'parts', 'views'];

/** Forbid what never may be imported, and folders that lie above. */
function imports(...above) {
  const patterns = [{ group: ['lit/directives/unsafe-*'], message: 'Show it as text.' }];
  if (above.length > 0) {
    const group = above.map(folder => `**/${folder}/**`);
    patterns.push({ group, message: 'It lies above: imports run downward.' });
  }
  const paths = [
    {
      name: 'lit/decorators.js',
      importNames: ['customElement'],
      message: 'Use `define` of define.ts: a page may have the renderer twice.',
    },
  ];
  return ['error', { paths, patterns }];
}

export default tseslint.config(
  { ignores: ['lib', 'node_modules', 'src/ui/wire/types.ts', '*.js', '*.mjs'] },
  ...tseslint.configs.strictTypeChecked,
  lit.configs['flat/recommended'],
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // What comes from an endpoint is text, never markup.
      'no-restricted-imports': imports(),
      'no-restricted-properties': [
        'error',
        { property: 'innerHTML', message: 'Show it as text.' },
        { property: 'outerHTML', message: 'Show it as text.' },
        { property: 'insertAdjacentHTML', message: 'Show it as text.' },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/unbound-method': 'off',
      // Types of what comes from elsewhere are a promise that is checked all the same.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-base-to-string': 'off',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_', argsIgnorePattern: '^_' }],
    },
  },
  ...LAYERS.map((layer, at) => ({
    files: [`src/ui/${layer}/**`],
    rules: { 'no-restricted-imports': imports(...LAYERS.slice(at + 1), 'lab') },
  })),
  { files: ['tests/**'], rules: { '@typescript-eslint/no-unsafe-assignment': 'off' } },
);
