package workers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"codeberg.org/althing/althing/governance"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// Timeouts of jobs. A job whose server was killed is run again after its
// timeout and rescue; River's own default is an hour. Jobs that compute with
// weights may take long.
const (
	timeout = 30 * time.Second
	rescue  = 30 * time.Second
	long    = 3 * time.Minute
)

// Add registers a family of workers.
type Add func(*river.Workers)

// NewClient returns the client that works the jobs of this server.
func NewClient(pool *pgxpool.Pool, log *slog.Logger, families ...Add) (*river.Client[pgx.Tx], error) {
	all := river.NewWorkers()
	for _, add := range families {
		add(all)
	}
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 8}},
		Workers:              all,
		JobTimeout:           timeout,
		RescueStuckJobsAfter: rescue,
		FetchCooldown:        5 * time.Millisecond,
		FetchPollInterval:    500 * time.Millisecond,
		ErrorHandler:         logged{log},
		Logger:               slog.New(quiet{log.Handler()}),
		MaxAttempts:          25,
	})
	if err != nil {
		return nil, fmt.Errorf("open job client: %w", err)
	}
	return client, nil
}

// logged writes one line per failed job; River tries it again.
type logged struct{ log *slog.Logger }

func (l logged) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	l.log.ErrorContext(ctx, "job failed", slog.String("job", job.Kind), slog.Int64("id", job.ID), slog.Int("attempt", job.Attempt), slog.Any("err", err))
	return nil
}

func (l logged) HandlePanic(ctx context.Context, job *rivertype.JobRow, panicked any, trace string) *river.ErrorHandlerResult {
	l.log.ErrorContext(ctx, "job panicked", slog.String("job", job.Kind), slog.Int64("id", job.ID), slog.Any("panic", panicked), slog.String("trace", trace))
	return nil
}

// quiet keeps River's own lines below a warning out of the log.
type quiet struct{ slog.Handler }

func (quiet) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }
func (q quiet) WithGroup(name string) slog.Handler       { return quiet{q.Handler.WithGroup(name)} }

// actor is the job as the log names it, completing the job in its act.
func actor[A river.JobArgs](job *river.Job[A]) governance.Actor {
	return governance.Job(job.Kind).Finishing(job.ID)
}

// settled turns the outcome of an idempotent act into the job's: a Conflict
// means that another try has done it, and the job is finished.
func settled(err error) error {
	if governance.Is(err, governance.Conflict) {
		return nil
	}
	return err
}

// refusal returns the sentence of an error that trying again cannot mend.
func refusal(err error) (string, bool) {
	var e *governance.Error
	if errors.As(err, &e) && e.Kind != governance.Unavailable && e.Kind != governance.Full {
		return e.Message, true
	}
	return "", false
}
