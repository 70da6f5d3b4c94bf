/** Orbit's mark. */

import { LabIcon } from '@jupyterlab/ui-components';

const svgstr = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16">
  <g class="jp-icon3" fill="#616161">
    <circle cx="8" cy="8" r="2.6"/>
    <circle cx="13.1" cy="4.2" r="1.5"/>
    <path fill-rule="evenodd" d="M8 2a6 6 0 1 0 6 6 6 6 0 0 0-.24-1.69l-1.13.5A4.8 4.8 0 1 1 10.6 3.98l.66-1.02A6 6 0 0 0 8 2Z"/>
  </g>
</svg>`;

export const orbitIcon = new LabIcon({ name: 'orbit-jupyter:orbit', svgstr });
