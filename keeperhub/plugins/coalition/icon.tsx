/** Upstream's: the plugin's icon. */
export function CoalitionIcon({ className }: { className?: string }) {
  return (
    <svg
      aria-label="Coalition"
      className={className}
      fill="none"
      role="img"
      stroke="currentColor"
      strokeWidth={2}
      viewBox="0 0 24 24"
    >
      <circle cx={12} cy={5} r={3} />
      <circle cx={5} cy={18} r={3} />
      <circle cx={19} cy={18} r={3} />
      <path d="M10.5 7.5 6.5 15.5M13.5 7.5l4 8M8 18h8" />
    </svg>
  )
}
