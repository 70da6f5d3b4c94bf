/** What the map looks like: lines from the bridge to each endpoint are borders, so that any number of cards fits. */

import { css } from 'lit';

export const mapLook = css`
  :host {
    container-type: inline-size;
  }
  .all {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 16px;
    align-content: start;
    --line: var(--o-border-strong);
  }
  .summary {
    font-size: var(--o-large);
  }
  .find {
    width: 14em;
  }
  .bridge {
    display: flex;
    align-items: center;
    gap: 8px;
    padding: 8px 12px;
    border-color: var(--o-border-strong);
    max-width: 560px;
  }
  .user {
    max-width: 12em;
  }
  ul.branch {
    position: relative;
    list-style: none;
    margin: 0 0 0 16px;
    padding: 0 0 2px 16px;
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(min(230px, 100%), 1fr));
    column-gap: 14px;
    overflow: hidden;
  }
  li {
    min-width: 0;
    padding-top: 14px;
  }
  /* The trunk: from each row's line up to where the branch begins, which cuts it off. */
  li::before {
    content: '';
    position: absolute;
    left: 0;
    height: 100000px;
    transform: translateY(-100000px);
    border-left: 2px solid var(--line);
  }
  li.family {
    grid-column: 1 / -1;
  }
  li.family > .card {
    max-width: 360px;
  }
  .wire {
    position: relative;
    height: 20px;
    padding: 4px 0 0 28px;
    line-height: 16px;
  }
  /* Down to the card, as the connection is; and back to the card before, or to the trunk. */
  .wire::before {
    content: '';
    position: absolute;
    left: 18px;
    top: 0;
    bottom: 0;
    border-left: 2px solid var(--o-good);
  }
  .wire::after {
    content: '';
    position: absolute;
    top: 0;
    right: calc(100% - 20px);
    width: calc(100% + 14px);
    border-top: 2px solid var(--line);
  }
  .wire.suspect::before {
    border-left: 2px dashed var(--o-warn);
  }
  .wire.lost::before {
    border-left: 2px dotted var(--o-bad);
  }
  .endpoint {
    position: relative;
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 1px;
    padding: 8px 12px;
  }
  .endpoint:hover {
    background: var(--o-bg-soft);
  }
  .endpoint.suspect,
  .endpoint.lost {
    border-style: dashed;
    border-color: var(--o-border-strong);
  }
  .endpoint .name {
    all: unset;
    flex: 1 1 0;
    min-width: 0;
    font-weight: 600;
    cursor: pointer;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  /* The whole card opens the endpoint; what else can be clicked lies above. */
  .endpoint .name::after {
    content: '';
    position: absolute;
    inset: 0;
    border-radius: var(--o-radius);
  }
  .endpoint .name:focus-visible::after {
    outline: 2px solid var(--o-accent);
    outline-offset: 1px;
  }
  .endpoint button.link {
    position: relative;
  }
  table {
    table-layout: fixed;
  }
  th:first-child {
    width: 9em;
  }
  th:last-child {
    width: 7em;
  }
  td .cut,
  td .link {
    display: block;
    max-width: 100%;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  th.wide:nth-child(3) {
    width: 36%;
  }
  .first {
    display: grid;
    gap: 12px;
  }
  .first ol {
    margin: 0;
    padding-left: 20px;
    display: grid;
    gap: 12px;
  }
  .first pre {
    margin: 4px 0;
    padding: 6px 10px;
    background: var(--o-bg-soft);
    border-radius: 4px;
  }
  @container (max-width: 560px) {
    .wide {
      display: none;
    }
    .user {
      display: none;
    }
    .find {
      width: 100%;
    }
  }
`;
