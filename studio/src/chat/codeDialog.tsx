// The code of the request that would be sent now.
import { useState } from 'preact/hooks'
import type { GenerateRequest } from '../api/geminiTypes.ts'
import { access } from '../api/http.ts'
import { Segmented } from '../ui/controls.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { toast } from '../ui/toast.ts'
import { type CodeKind, codeFor } from './code.ts'
import type { Settings } from './settings.ts'

interface CodeDialogProps {
  request: GenerateRequest
  settings: Settings
  model: string
  onClose: () => void
}

export function CodeDialog({ request, settings, model, onClose }: CodeDialogProps) {
  const [kind, setKind] = useState<CodeKind>('genai')
  const options = { model, origin: location.origin, keyed: access.value.key !== '' }
  const code = codeFor(kind, request, settings, options)
  return (
    <Dialog title="Get code" onClose={onClose} wide>
      <div class="row between">
        <Segmented
          label="Language"
          quiet
          value={kind}
          options={[
            ['genai', '@google/genai'],
            ['openai', 'openai'],
            ['curl', 'curl'],
          ]}
          onChange={setKind}
        />
        <button
          type="button"
          class="button"
          onClick={() => void navigator.clipboard.writeText(code).then(() => toast('Copied'))}
        >
          Copy
        </button>
      </div>
      <pre class="get-code" tabIndex={0}>
        <code>{code}</code>
      </pre>
    </Dialog>
  )
}
