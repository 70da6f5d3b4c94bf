/** What the page of a job looks like. */

import { css } from 'lit';

export const jobLook = css`
  :host {
    container-type: inline-size;
    min-width: 0;
  }
  header {
    display: flex;
    align-items: center;
    gap: 8px 12px;
    flex-wrap: wrap;
    padding: 10px calc(14px + var(--o-head-right, 0px)) 10px 14px;
  }
  header h2.grow {
    flex: 1 1 200px;
  }
  header h2 code {
    margin-right: 4px;
  }
  .body {
    display: grid;
    gap: 10px;
    padding: 12px 14px;
  }
  :host([compact]) .body {
    padding-top: 0;
  }
  .body > p {
    overflow-wrap: anywhere;
  }
  dl {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(min(150px, 100%), 1fr));
    gap: 8px 16px;
    margin: 0;
  }
  dl > div {
    min-width: 0;
  }
  dl > div:has(code) {
    grid-column: 1 / -1;
  }
  details dl {
    margin-top: 8px;
  }
  summary {
    cursor: pointer;
    color: var(--o-text-soft);
  }
  dt {
    font-size: var(--o-small);
    color: var(--o-text-soft);
  }
  dd {
    margin: 0;
    overflow-wrap: anywhere;
  }
  .streams {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 4px 8px;
    padding: 0 8px;
    border-top: 1px solid var(--o-border);
  }
  [role='tab'] {
    border-radius: 0;
    border: 0;
    border-bottom: 2px solid transparent;
    padding: 6px;
  }
  [role='tab'][aria-selected='true'] {
    border-bottom-color: var(--o-accent);
    font-weight: 600;
  }
`;
