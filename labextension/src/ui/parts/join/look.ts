/** What the forms look like by which an endpoint is brought: fields in a column, some of them side by side. */

import { css } from 'lit';

import { base, buttons, inputs, theme } from '../../theme.js';
import { fieldLook } from '../form/field.js';

export const formLook = [
  theme,
  base,
  buttons,
  inputs,
  fieldLook,
  css`
    :host {
      container-type: inline-size;
    }
    form {
      display: grid;
      gap: 10px;
    }
    .pair {
      display: grid;
      grid-template-columns: repeat(2, minmax(0, 1fr));
      gap: 10px 14px;
    }
    @container (max-width: 420px) {
      .pair {
        grid-template-columns: minmax(0, 1fr);
      }
    }
    .notice {
      padding: 0;
    }
  `,
];
