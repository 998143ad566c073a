package rounds

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Hub turns Postgres's notifications into channels that close. One connection
// of each server listens; those who wait hold none. Take the channel before
// looking, or a notification between looking and waiting is lost.
type Hub struct {
	mu       sync.Mutex
	channels map[string]chan struct{}
	rings    bool // soon has set a timer
	stirs    bool // stir has
}

// Names of the notification channels.
const (
	tasks     = "tasks"     // assignments were made
	campaigns = "campaigns" // something that pages show has changed
)

// NewHub returns a hub that nobody waits at.
func NewHub() *Hub {
	return &Hub{channels: map[string]chan struct{}{tasks: make(chan struct{}), campaigns: make(chan struct{})}}
}

// Tasks returns a channel that closes when assignments were made.
func (h *Hub) Tasks() <-chan struct{} { return h.channel(tasks) }

// Campaigns returns a channel that closes when a page about a campaign changes.
func (h *Hub) Campaigns() <-chan struct{} { return h.channel(campaigns) }

func (h *Hub) channel(name string) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.channels[name]
}

// broadcast wakes everybody who waits for a name; all names if it is "".
func (h *Hub) broadcast(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for known, c := range h.channels {
		if name == "" || name == known {
			close(c)
			h.channels[known] = make(chan struct{})
		}
	}
}

// soon wakes those who wait for work after a while: something they may have is
// not ready yet.
func (h *Hub) soon(after time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.rings {
		return
	}
	h.rings = true
	time.AfterFunc(after, func() {
		h.mu.Lock()
		h.rings = false
		h.mu.Unlock()
		h.broadcast(tasks)
	})
}

// calm is how long pages wait for the next of many changes.
const calm = 200 * time.Millisecond

// stir tells every server, after a while, that a campaign has changed: once for
// all reports of that while. A notification in each report's act would make
// their commits wait for each other, because Postgres orders those.
func (s *Store) stir() {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stirs {
		return
	}
	h.stirs = true
	time.AfterFunc(calm, func() {
		h.mu.Lock()
		h.stirs = false
		h.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		const q = `select pg_notify(@channel, '') is null`
		var done bool
		if err := s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"channel": campaigns}).Scan(&done); err != nil {
			h.broadcast(campaigns) // here at least
		}
	})
}

// Listen runs until the context ends: it listens on one connection outside the
// pool's count and connects again when that breaks. What was missed meanwhile
// is made up by waking everybody. ready, if not nil, is closed when it listens
// for the first time.
func (h *Hub) Listen(ctx context.Context, pool *pgxpool.Pool, ready chan<- struct{}) {
	pause := 100 * time.Millisecond
	for {
		err := h.listen(ctx, pool, func() {
			pause = 100 * time.Millisecond
			if ready != nil {
				close(ready)
				ready = nil
			}
		})
		if ctx.Err() != nil {
			return
		}
		slog.WarnContext(ctx, "listening for tasks was interrupted", slog.Any("err", err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, 5*time.Second)
	}
}

func (h *Hub) listen(ctx context.Context, pool *pgxpool.Pool, listening func()) error {
	acquired, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("listen for tasks: %w", err)
	}
	conn := acquired.Hijack()
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, `listen tasks; listen campaigns`); err != nil {
		return fmt.Errorf("listen for tasks: %w", err)
	}
	listening()
	h.broadcast("")
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("listen for tasks: %w", err)
		}
		h.broadcast(n.Channel)
	}
}
