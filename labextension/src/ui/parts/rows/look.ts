/** What a table of rows looks like. */

import { css, unsafeCSS } from 'lit';

export const ROW_HEIGHT = 32;
export const HEAD_HEIGHT = 30;

interface Sized {
  width?: string;
  priority?: 0 | 1 | 2;
}

/** Return the columns of each row's grid: of all of them, without the least important ones, and of the rest. */
export function templatesOf(columns: readonly Sized[], checks: boolean): string {
  return [2, 1, 0]
    .map(most => {
      const widths = columns.filter(column => (column.priority ?? 0) <= most).map(widthOf);
      return `--columns-${most}:${checks ? '34px ' : ''}${widths.join(' ') || '1fr'}`;
    })
    .join(';');
}

function widthOf({ width = '1fr' }: Sized): string {
  // As `1fr` a column would be as wide as what is in it, in each row another width.
  return width.endsWith('fr') ? `minmax(6em, ${width})` : width;
}

export const rowsLook = css`
  :host {
    container-type: inline-size;
    min-width: 0;
  }
  .scroll {
    max-height: var(--o-rows-height, min(60vh, 640px));
    overflow: auto;
    position: relative;
  }
  .scroll:focus-visible {
    outline-offset: -2px;
  }
  .table {
    width: max-content;
    min-width: 100%;
  }
  .rows {
    position: relative;
  }
  .line {
    display: grid;
    grid-template-columns: var(--columns-2);
    align-items: center;
    height: ${unsafeCSS(ROW_HEIGHT)}px;
    padding: 0 4px;
    border-bottom: 1px solid var(--o-border);
    contain: layout style;
  }
  .rows .line {
    position: absolute;
    top: 0;
    left: 0;
    right: 0;
    cursor: default;
  }
  .line > * {
    min-width: 0;
    padding: 0 8px;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .line > .check {
    display: flex;
    padding: 0 0 0 10px;
  }
  .head {
    position: sticky;
    top: 0;
    z-index: 1;
    height: ${unsafeCSS(HEAD_HEIGHT)}px;
    background: var(--o-bg);
    color: var(--o-text-soft);
    font-weight: 600;
  }
  .head > * {
    font-size: var(--o-small); /* not on the line: its columns are in em, too */
  }
  .head button {
    all: unset;
    cursor: pointer;
    white-space: nowrap;
  }
  .head button:hover {
    color: var(--o-text);
  }
  .head button:focus-visible {
    outline: 2px solid var(--o-accent);
  }
  .rows .line:hover {
    background: var(--o-bg-soft);
  }
  .rows .line.current,
  .rows .line[aria-selected='true'] {
    background: var(--o-select);
  }
  .line.current {
    box-shadow: inset 3px 0 var(--o-accent);
  }
  .scroll:focus-visible .line.at {
    outline: 2px solid var(--o-accent);
    outline-offset: -2px;
  }
  input {
    margin: 0;
    accent-color: var(--o-accent);
  }
  @container (max-width: 760px) {
    .line {
      grid-template-columns: var(--columns-1);
    }
    .p2 {
      display: none;
    }
  }
  @container (max-width: 480px) {
    .line {
      grid-template-columns: var(--columns-0);
    }
    .p1 {
      display: none;
    }
  }
`;
