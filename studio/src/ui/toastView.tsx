// The message at the foot of the page.
import { useStore } from '../lib/store.ts'
import { IconButton } from './controls.tsx'
import { closeToast, currentToast } from './toast.ts'

export function ToastView() {
  const toast = useStore(currentToast)
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toast !== undefined && (
        <div class="toast">
          <span>{toast.text}</span>
          {toast.action !== undefined && (
            <button
              type="button"
              class="button small"
              onClick={() => {
                closeToast()
                toast.action?.act()
              }}
            >
              {toast.action.label}
            </button>
          )}
          <IconButton icon="close" label="Close" size={15} onClick={closeToast} />
        </div>
      )}
    </div>
  )
}
