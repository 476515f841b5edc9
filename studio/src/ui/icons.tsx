// Line icons of one weight, drawn on a grid of 20.
const paths = {
  chat: 'M3.5 5.5a2 2 0 0 1 2-2h9a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H9l-3.5 3v-3a2 2 0 0 1-2-2z',
  runs: 'M3 16.5h14M4 13l3.5-4.5 3 2.5L16 4',
  experts: 'M3.5 3.5h5v5h-5zM11.5 3.5h5v5h-5zM3.5 11.5h5v5h-5zM11.5 11.5h5v5h-5z',
  engine: 'M3.5 6h13M3.5 10h13M3.5 14h13M7 4.5v3M12.5 8.5v3M9 12.5v3',
  plus: 'M10 4v12M4 10h12',
  send: 'M10 16V4.5M5 9.5l5-5 5 5',
  stop: 'M6 6h8v8H6z',
  attach: 'M14.5 9.5l-5 5a3.2 3.2 0 0 1-4.5-4.5l6-6a2.2 2.2 0 0 1 3 3l-5.7 5.8a1 1 0 0 1-1.5-1.5L12 6',
  copy: 'M7 7h9v9H7zM4 12.5V4h8.5',
  edit: 'M4 16l.7-3.2L13 4.5l2.5 2.5-8.3 8.3zM11.5 6l2.5 2.5',
  again: 'M15.5 8A6 6 0 1 0 16 11M16 4v4h-4',
  bin: 'M4.5 6h11M8 6V4h4v2M6 6l.7 10h6.6L14 6',
  left: 'M12 5l-5 5 5 5',
  right: 'M8 5l5 5-5 5',
  down: 'M5 8l5 5 5-5',
  close: 'M5 5l10 10M15 5L5 15',
  menu: 'M3.5 6h13M3.5 10h13M3.5 14h13',
  tune: 'M4 6h6M14 6h2M12 4v4M4 14h2M10 14h6M8 12v4',
  code: 'M7 6l-4 4 4 4M13 6l4 4-4 4',
  sun: 'M10 6.8a3.2 3.2 0 1 0 0 6.4 3.2 3.2 0 0 0 0-6.4M10 2v2M10 16v2M2 10h2M16 10h2M4.4 4.4l1.4 1.4M14.2 14.2l1.4 1.4M4.4 15.6l1.4-1.4M14.2 5.8l1.4-1.4',
  moon: 'M16 11.5A6.5 6.5 0 0 1 8.5 4a6.5 6.5 0 1 0 7.5 7.5z',
  help: 'M7.5 7.5a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 1.8M10 14.4v.1',
  check: 'M4.5 10.5l3.5 3.5 7.5-8',
  warn: 'M10 3.5l7 12.5H3zM10 8v4M10 14v.1',
  file: 'M5.5 3.5h6l3 3v10h-9zM11 3.5V7h3.5',
  sound: 'M4 8v4h2.5L10 15V5L6.5 8zM12.5 8a3 3 0 0 1 0 4M14.5 6a6 6 0 0 1 0 8',
  tool: 'M12.5 3.8a3.6 3.6 0 0 0-4 5L3.8 13.500a1.700 1.700 0 0 0 2.600 2.600l4.700-4.700a3.600 3.600 0 0 0 5-4l-2.100 2.100-2.300-.600-.600-2.300z',
  key: 'M12.500 4a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7M10 10l-6 6M6 14l2 2',
  page: 'M8 4H4v12h12v-4M11 4h5v5M16 4l-7 7',
} as const

export type IconName = keyof typeof paths

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 20 20" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  )
}
