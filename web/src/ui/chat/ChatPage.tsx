/** Chat: conversations, the thread, the composer, the ring at work beside it. */
import { missingLayersInWords } from '@computepool/shared/swarm'
import { useEffect } from 'react'
import { PrivateNotice } from '../inft/PrivateNotice.tsx'
import { type PoolAccess, usePoolAccess } from '../inft/use-pool-access.ts'
import { ChatMoney } from '../money/ChatMoney.tsx'
import { useMayAsk } from '../money/use-may-ask.ts'
import { RingPanel } from '../ring/RingPanel.tsx'
import { ringWords } from '../ring/ring-words.ts'
import { Link } from '../router/Link.tsx'
import { useServices } from '../shell/services.ts'
import { useMediaQuery } from '../shell/use-media-query.ts'
import { useStore } from '../stores/use-store.ts'
import { PoolStakeChip } from '../trust/PoolStakeChip.tsx'
import { Composer } from './Composer.tsx'
import { ConversationList } from './ConversationList.tsx'
import { ExportButtons } from './ExportButtons.tsx'
import { LiveAnswer } from './LiveAnswer.tsx'
import { SamplingPanel } from './SamplingPanel.tsx'
import { Thread } from './Thread.tsx'
import { TrustedEnds } from './TrustedEnds.tsx'

export function ChatPage() {
  const { chat, pool: poolStore, models: modelsStore, tab, sessions } = useServices()
  const view = useStore(chat)
  const { pool, connection } = useStore(poolStore)
  const models = useStore(modelsStore)
  const { peer } = useStore(tab)
  useEffect(() => modelsStore.load(), [modelsStore])
  const mayAsk = useMayAsk()
  const access = usePoolAccess()
  const hasSession = useStore(sessions).live !== null
  const isOutside = access === 'signed-out' || access === 'unauthorised'

  const isWide = useMediaQuery('(min-width: 64rem)')
  const model = pool?.model ?? models.ids[0] ?? null
  const current = view.conversations.find(conversation => conversation.id === view.currentId) ?? null
  const streamingId = view.streaming?.messageId ?? null
  // Of the newest answer that a ring was named for: which one it was.
  const servedBy = current?.messages.findLast(message => message.figures?.route != null)?.figures?.route ?? null
  const isIncomplete = connection === 'live' && pool !== null && pool.status !== 'ready'

  return (
    <div className="chat">
      <h1 tabIndex={-1} className="visually-hidden">
        Chat
      </h1>
      <ConversationList view={view} chat={chat} isWide={isWide} />
      <section className="chat-main" aria-label="Conversation">
        <header className="chat-head">
          <h2>{current?.title ?? 'New conversation'}</h2>
          <PoolStakeChip pool={pool} />
          {current === null || current.messages.length === 0 ? null : <ExportButtons conversation={current} />}
        </header>
        <Thread
          conversation={current}
          streamingId={streamingId}
          model={model}
          onRegenerate={id => chat.regenerate(model ?? '', id)}
          onEdit={(id, text) => chat.editAndResend(model ?? '', id, text)}
        />
        <LiveAnswer message={current?.messages.find(message => message.id === streamingId) ?? null} />
        <div className="chat-foot">
          {isIncomplete ? (
            <p className="notice" role="status" data-testid="layers-missing">
              {missingLayersInWords(pool)} {pool.explanation} <Link to="/operate">Hold layers with this browser</Link>
            </p>
          ) : null}
          {view.isLasting ? null : (
            <p className="notice">This browser does not keep conversations: they last until the page is closed.</p>
          )}
          <PrivateNotice access={access} />
          {isOutside && !hasSession ? null : <ChatMoney />}
          <Composer
            key={view.currentId ?? 'new'}
            model={model}
            isStreaming={view.streaming !== null}
            obstacle={obstacleOf(access, mayAsk)}
            onSend={text => chat.send(model ?? '', text)}
            onStop={chat.stop}
          />
          <TrustedEnds
            isOn={view.settings.trustedEnds}
            pool={pool}
            onChange={trustedEnds => chat.changeSettings({ ...view.settings, trustedEnds })}
          />
          <SamplingPanel settings={view.settings} onChange={chat.changeSettings} />
        </div>
      </section>
      <aside className="chat-ring" aria-label="The ring at work">
        {isWide ? (
          <RingPanel ownPeer={peer} servedBy={servedBy} />
        ) : (
          <details className="ring-drawer">
            <summary>{ringWords(pool)}</summary>
            <RingPanel ownPeer={peer} servedBy={servedBy} />
          </details>
        )}
      </aside>
    </div>
  )
}

/** Why nothing can be sent now, with what to do; null where it can. */
function obstacleOf(access: PoolAccess, mayAsk: boolean): string | null {
  if (access === 'signed-out') return 'This pool is private: sign in first. Your message stays here meanwhile.'
  return mayAsk ? null : 'Open a session first: your message stays here meanwhile.'
}
