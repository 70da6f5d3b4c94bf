/** What the page of jobs looks like. */

import { css } from 'lit';

export const jobsLook = css`
  :host {
    container-type: inline-size;
    min-width: 0;
  }
  .title {
    margin-bottom: 14px;
    overflow-wrap: anywhere;
  }
  .page {
    display: grid;
    grid-template-columns: minmax(300px, 400px) minmax(0, 1fr);
    gap: 16px;
    align-items: start;
  }
  .page.closed {
    grid-template-columns: minmax(0, 1fr);
  }
  .page.closed .form > header {
    border-bottom: 0;
    padding-block: 4px;
  }
  .page:not(:has(.form)) {
    grid-template-columns: minmax(0, 1fr);
  }
  .jobs input {
    flex: 0 1 150px;
    width: 150px;
  }
  .jobs select {
    flex: 0 1 auto;
    width: auto;
  }
  .jobs > header {
    border-bottom-color: var(--o-border);
  }
  .short {
    --o-rows-height: min(38vh, 300px);
  }
  .detail {
    position: relative;
    border-top: 1px solid var(--o-border-strong);
  }
  .detail orbit-job {
    padding-top: 2px;
  }
  .close {
    position: absolute;
    z-index: 1;
    top: 6px;
    right: 6px;
  }
  .detail .close + orbit-job {
    --o-head-right: 36px;
  }
  @container (max-width: 860px) {
    .page {
      grid-template-columns: minmax(0, 1fr);
    }
  }
  @container (max-width: 480px) {
    .jobs input {
      flex: 1 1 120px;
    }
  }
`;
