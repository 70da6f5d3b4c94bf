/** What the file browser looks like. */

import { css } from 'lit';

export const filesLook = css`
  :host {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 16px;
    align-content: start;
    container-type: inline-size;
  }
  section {
    position: relative;
  }
  .crumbs {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    flex-basis: 220px;
  }
  .crumbs button {
    max-width: 18em;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .crumbs [aria-current] {
    font-weight: 600;
  }
  form.grow {
    flex-basis: 220px;
  }
  .name {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 8px;
    padding: 10px 14px;
    border-bottom: 1px solid var(--o-border);
  }
  .name input {
    flex: 1 1 180px;
    width: auto;
  }
  .notice p + p {
    margin-top: 8px;
  }
  footer label {
    display: flex;
    align-items: center;
    gap: 6px;
    margin: 0;
  }
  .old {
    opacity: 0.6;
  }
  .over {
    outline: 2px dashed var(--o-accent);
    outline-offset: -2px;
  }
  .target {
    position: absolute;
    left: 50%;
    bottom: 56px;
    transform: translateX(-50%);
    z-index: 2;
    max-width: 90%;
    padding: 8px 16px;
    border-radius: var(--o-radius);
    color: var(--o-on-accent);
    background: var(--o-accent);
    pointer-events: none;
    overflow-wrap: anywhere;
  }
`;
