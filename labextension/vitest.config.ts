import { defineConfig } from 'vitest/config';

export default defineConfig({
  // As tsc has it: Lit's decorators are the older kind.
  esbuild: { tsconfigRaw: { compilerOptions: { experimentalDecorators: true, useDefineForClassFields: false } } },
  test: {
    environment: 'jsdom',
    environmentOptions: { jsdom: { pretendToBeVisual: true, url: 'http://localhost:8888/orbit/' } },
    include: ['tests/**/*.test.ts'],
    restoreMocks: true,
  },
});
