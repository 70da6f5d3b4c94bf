/** What all views look like. Colours are Jupyter's alone; the fallbacks are for front ends without them. */

import { css } from 'lit';

/** Names for Jupyter's colours, by what they are for here; on the outermost element of a view. */
export const theme = css`
  :host {
    --o-bg: var(--jp-layout-color1, var(--vscode-editor-background, #fff));
    --o-bg-soft: color-mix(
      in srgb,
      var(--jp-layout-color2, var(--vscode-sideBar-background, #eee)) 60%,
      var(--o-bg)
    );
    --o-border: var(--jp-border-color2, #e0e0e0);
    --o-border-strong: var(--jp-border-color1, #bdbdbd);
    --o-text: var(--jp-ui-font-color0, var(--vscode-editor-foreground, #111));
    --o-text-soft: color-mix(in srgb, var(--o-text) 66%, var(--o-bg));
    --o-field: color-mix(in srgb, var(--o-text) 50%, var(--o-bg)); /* the edge of what can be filled in */
    --o-accent: color-mix(in srgb, var(--jp-brand-color1, #0b57d0) 88%, var(--o-text));
    --o-on-accent: var(--jp-ui-inverse-font-color0, #fff);
    --o-select: color-mix(in srgb, var(--jp-brand-color1, #0b57d0) 12%, var(--o-bg));
    --o-good: color-mix(in srgb, var(--jp-success-color1, #188038) 72%, var(--o-text));
    --o-warn: color-mix(in srgb, var(--jp-warn-color1, #b06000) 66%, var(--o-text));
    --o-bad: color-mix(in srgb, var(--jp-error-color1, #c5221f) 72%, var(--o-text));
    --o-font: var(--jp-ui-font-family, system-ui, sans-serif);
    --o-mono: var(--jp-code-font-family, ui-monospace, monospace);
    --o-size: var(--jp-ui-font-size1, 13px);
    --o-small: var(--jp-ui-font-size0, 11px);
    --o-large: var(--jp-ui-font-size2, 16px);
    --o-radius: 6px;
  }
`;

/** What every element has. */
export const base = css`
  :host {
    display: block;
    box-sizing: border-box;
    color: var(--o-text);
    font: var(--o-size) / 1.45 var(--o-font);
  }
  :host([hidden]) {
    display: none;
  }
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  h1,
  h2,
  h3 {
    margin: 0;
    font-weight: 600;
    line-height: 1.3;
  }
  h1 {
    font-size: var(--o-large);
  }
  h2,
  h3 {
    font-size: var(--o-size);
  }
  p {
    margin: 0;
  }
  code,
  pre,
  .mono {
    font-family: var(--o-mono);
    font-size: 0.94em;
  }
  pre {
    margin: 0;
    white-space: pre-wrap;
    overflow-wrap: anywhere;
  }
  .soft {
    color: var(--o-text-soft);
  }
  .small {
    font-size: var(--o-small);
  }
  .good {
    color: var(--o-good);
  }
  .warn {
    color: var(--o-warn);
  }
  .bad {
    color: var(--o-bad);
  }
  .active {
    color: var(--o-accent);
  }
  .state {
    font-weight: 600;
    white-space: nowrap;
  }
  .notice {
    padding: 10px 14px;
    overflow-wrap: anywhere;
  }
  .number {
    font-variant-numeric: tabular-nums;
    text-align: right;
  }
  .row {
    display: flex;
    align-items: center;
    gap: 8px;
  }
  .wrap {
    flex-wrap: wrap;
  }
  .grow {
    flex: 1 1 0;
    min-width: 0;
  }
  .cut {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .card {
    border: 1px solid var(--o-border);
    border-radius: var(--o-radius);
    background: var(--o-bg);
    min-width: 0;
  }
  .card > header,
  .card > footer {
    display: flex;
    align-items: center;
    gap: 8px;
    flex-wrap: wrap;
    padding: 10px 14px;
  }
  .card > header {
    border-bottom: 1px solid var(--o-border);
  }
  .card > footer {
    border-top: 1px solid var(--o-border);
  }
  .card > .body {
    padding: 14px;
  }
  .only-read {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
  }
  :focus-visible {
    outline: 2px solid var(--o-accent);
    outline-offset: 1px;
  }
`;

export const buttons = css`
  button {
    font: inherit;
    font-weight: 600;
    color: var(--o-text);
    background: var(--o-bg);
    border: 1px solid var(--o-border-strong);
    border-radius: 4px;
    padding: 4px 12px;
    min-height: 28px;
    cursor: pointer;
  }
  button:hover:not(:disabled) {
    background: var(--o-bg-soft);
  }
  button:disabled {
    opacity: 0.55;
    cursor: default;
  }
  button.primary,
  button.success {
    color: var(--o-on-accent);
    background: var(--o-accent);
    border-color: var(--o-accent);
  }
  button.primary:hover:not(:disabled),
  button.success:hover:not(:disabled) {
    background: color-mix(in srgb, var(--o-accent) 86%, var(--o-text));
  }
  button.danger {
    color: var(--o-bad);
    border-color: var(--o-bad);
  }
  button.plain {
    border-color: transparent;
    background: none;
    font-weight: 400;
    padding: 2px 6px;
  }
  button.link,
  a {
    color: var(--o-accent);
  }
  button.link {
    border: 0;
    background: none;
    padding: 0;
    min-height: 0;
    font-weight: 400;
    text-decoration: underline;
  }
`;

export const inputs = css`
  input,
  select,
  textarea {
    font: inherit;
    color: var(--o-text);
    background: var(--o-bg);
    border: 1px solid var(--o-field);
    border-radius: 4px;
    padding: 4px 8px;
    min-height: 28px;
    width: 100%;
    min-width: 0;
  }
  input[type='checkbox'],
  input[type='radio'] {
    width: auto;
    min-height: 0;
    accent-color: var(--o-accent);
  }
  input[aria-invalid='true'],
  select[aria-invalid='true'],
  textarea[aria-invalid='true'] {
    border-color: var(--o-bad);
  }
  label {
    display: block;
    color: var(--o-text-soft);
    margin-bottom: 3px;
  }
  ::placeholder {
    color: var(--o-text-soft);
    opacity: 1;
  }
`;

export const tables = css`
  table {
    border-collapse: collapse;
    width: 100%;
  }
  th,
  td {
    text-align: left;
    padding: 5px 10px;
    border-bottom: 1px solid var(--o-border);
    vertical-align: top;
  }
  th {
    font-size: var(--o-small);
    font-weight: 600;
    color: var(--o-text-soft);
    white-space: nowrap;
  }
  th.number,
  td.number {
    text-align: right;
  }
  tbody:last-child tr:last-child td {
    border-bottom: 0;
  }
  tr[aria-selected='true'] td {
    background: var(--o-select);
  }
`;

/** A page of cards below one another, under a head that wraps. */
export const cards = css`
  :host {
    container-type: inline-size;
  }
  .page {
    display: grid;
    gap: 16px;
    align-content: start;
  }
  .head {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 8px 12px;
  }
  .head .title {
    flex: 1 1 220px;
    min-width: 0;
  }
`;
