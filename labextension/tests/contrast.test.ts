import { expect, test } from 'vitest';

import { readFileSync } from 'node:fs';

import { inputs, theme } from '../src/ui/theme.js';

type Colour = readonly [number, number, number];

/** Jupyter's variables as each front end has them; the first two are JupyterLab's own themes. */
const LAB_LIGHT = {
  '--jp-layout-color1': '#fff',
  '--jp-layout-color2': '#eee',
  '--jp-border-color1': '#bdbdbd',
  '--jp-ui-font-color0': '#000',
  '--jp-ui-inverse-font-color0': '#fff',
  '--jp-brand-color1': '#1976d2',
  '--jp-success-color1': '#388e3c',
  '--jp-warn-color1': '#f57c00',
  '--jp-error-color1': '#d32f2f',
};
const LAB_DARK = {
  '--jp-layout-color1': '#212121',
  '--jp-layout-color2': '#424242',
  '--jp-border-color1': '#616161',
  '--jp-ui-font-color0': '#fff',
  '--jp-ui-inverse-font-color0': '#000',
  '--jp-brand-color1': '#2196f3',
  '--jp-success-color1': '#4caf50',
  '--jp-warn-color1': '#ff9800',
  '--jp-error-color1': '#f44336',
};
const page = readFileSync('src/ui/page.css', 'utf8');
const [pageLight, pageDark] = page.split('@media').map(variablesOf) as [Values, Values];

type Values = Record<string, string>;

function variablesOf(css: string): Values {
  const found = [...css.matchAll(/(--[\w-]+):\s*([^;]+);/g)];
  return Object.fromEntries(found.map(([, name, value]) => [name!, value!]));
}

/** Work out a colour as a browser does. */
function colourOf(value: string, all: Values): Colour {
  const text = value.trim();
  const hex = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(text)?.[1];
  if (hex) {
    const long = hex.length === 3 ? hex.replace(/./g, '$&$&') : hex;
    return [0, 2, 4].map(at => parseInt(long.slice(at, at + 2), 16)) as unknown as Colour;
  }
  const variable = /^var\((--[\w-]+)(?:,\s*(.*))?\)$/s.exec(text);
  if (variable) {
    return colourOf(all[variable[1]!] ?? variable[2]!, all);
  }
  const mixed = /^color-mix\(\s*in srgb,\s*(.*) (\d+)%,\s*(var\(--o-[\w-]+\))\s*\)$/s.exec(text);
  const [one, other] = [colourOf(mixed![1]!, all), colourOf(mixed![3]!, all)];
  const share = Number(mixed![2]) / 100;
  return one.map((part, at) => part * share + other[at]! * (1 - share)) as unknown as Colour;
}

function light(colour: Colour): number {
  const [red, green, blue] = colour
    .map(part => part / 255)
    .map(part => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

function contrast(one: Colour, other: Colour): number {
  const [most, least] = [light(one), light(other)].sort((a, b) => b - a);
  return (most! + 0.05) / (least! + 0.05);
}

test.each([
  ['JupyterLab, light', LAB_LIGHT],
  ['JupyterLab, dark', LAB_DARK],
  ['the Explorer page, light', pageLight],
  ['the Explorer page, dark', { ...pageLight, ...pageDark }],
])('text and the edges of fields can be seen: %s', (_, variables) => {
  const all = { ...variables, ...variablesOf(theme.cssText) };
  const of = (name: string) => colourOf(`var(--o-${name})`, all);
  const low: string[] = [];
  const look = (name: string, ground: string, least: number) => {
    const found = contrast(of(name), of(ground));
    if (found < least) {
      low.push(`${name} on ${ground}: ${found.toFixed(2)}`);
    }
  };
  for (const ground of ['bg', 'bg-soft', 'select']) {
    ['text', 'text-soft', 'accent', 'good', 'warn', 'bad'].forEach(name => look(name, ground, 4.5));
  }
  look('on-accent', 'accent', 4.5);
  look('field', 'bg', 3);
  expect(low).toEqual([]);
  // What a field is to have is said by its placeholder, too.
  expect(inputs.cssText).not.toMatch(/opacity: 0/);
});
