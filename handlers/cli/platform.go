package cli

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"codeberg.org/althing/althing/governance/audit"
	"codeberg.org/althing/althing/governance/keys"
	"codeberg.org/althing/althing/governance/keys/marks"
	"codeberg.org/althing/althing/governance/pg"
	"codeberg.org/althing/althing/governance/pg/embedded"
	"codeberg.org/althing/althing/migrations"
	"codeberg.org/althing/althing/training/blobs"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"golang.org/x/sync/errgroup"
)

// platform is one running server, opened in the order of its fields and
// closed in the other.
type platform struct {
	settings settings
	log      *slog.Logger
	postgres *embedded.Server // nil with a database of the operator's own
	pool     *pgxpool.Pool
	keys     *keys.Ring
	trail    *audit.Trail
	reader   *audit.Log
	stores   stores
	uploads  *blobs.Partial
	jobs     *river.Client[pgx.Tx]
	handler  http.Handler
	tasks    []func(context.Context) error // run as long as the platform does
}

func now() time.Time { return time.Now().UTC() }

// openDatabase starts or finds Postgres and brings it to this version.
func openDatabase(ctx context.Context, s settings, log *slog.Logger) (*platform, error) {
	p := &platform{settings: s, log: log}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	address := s.Database
	if address == "" {
		server, err := embedded.Start(ctx, embedded.Options{Dir: filepath.Join(s.Dir, "postgres"), Log: log})
		if err != nil {
			return nil, err
		}
		p.postgres, address = server, server.URL()
	}
	var err error
	if p.pool, err = pg.Open(ctx, address, pg.Options{MaxConns: 20}); err != nil {
		return nil, errors.Join(err, p.close(ctx))
	}
	if err := migrations.Up(ctx, p.pool); err != nil {
		return nil, errors.Join(err, p.close(ctx))
	}
	return p, nil
}

// open makes the whole platform, ready to serve.
func open(ctx context.Context, s settings, log *slog.Logger) (*platform, error) {
	p, err := openDatabase(ctx, s, log)
	if err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{p.openTrail, p.openStores, p.openJobs, p.openSite} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, p.close(ctx))
		}
	}
	return p, nil
}

func (p *platform) openTrail(ctx context.Context) error {
	var err error
	folder := filepath.Join(p.settings.Dir, "keys")
	if p.keys, err = keys.Open(folder, p.settings.origin()); err != nil {
		return err
	}
	if p.settings.NewKeys {
		err = marks.Replace(ctx, p.pool, p.keys.Marks(), now())
	} else {
		err = marks.Check(ctx, p.pool, folder, p.keys.Marks(), now())
	}
	if err != nil {
		return err
	}
	p.keys.Made = func(name string, mark [sha256.Size]byte) error {
		err := marks.Made(ctx, p.pool, folder, name, mark, now())
		if err != nil {
			p.log.ErrorContext(ctx, "key refused", slog.String("key", name), slog.Any("err", err))
		}
		return err
	}
	if p.trail, err = audit.New(p.pool, audit.Options{}); err != nil {
		return err
	}
	if p.reader, err = audit.NewLog(p.pool, p.keys.LogKey); err != nil {
		return err
	}
	if p.keys.LogSigner == nil {
		p.log.InfoContext(ctx, "this server does not hold the log's key: what happens here is promised when a server signs that does")
		return nil
	}
	store, err := p.settings.openCheckpoint(ctx)
	if err != nil {
		return err
	}
	sequencer := audit.NewSequencer(p.trail, p.keys.LogSigner, p.keys.LogVerifier, store, p.log)
	if err := sequencer.Open(ctx); err != nil {
		return err
	}
	p.tasks = append(p.tasks, sequencer.Run)
	return nil
}

// serverKey is the public key that join tokens pin.
func (p *platform) serverKey() ed25519.PublicKey {
	return p.keys.Server.Public().(ed25519.PublicKey)
}

// run serves until the context ends, and then finishes what is under way.
func (p *platform) run(ctx context.Context, l net.Listener) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, task := range p.tasks {
		group.Go(func() error { return task(ctx) })
	}
	if err := p.jobs.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start jobs: %w", err)
	}
	server := &http.Server{
		Handler: p.handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	group.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	if p.postgres != nil {
		group.Go(func() error {
			select {
			case <-p.postgres.Done():
				return errors.New("the private Postgres has ended; start the program again and it recovers what was committed")
			case <-ctx.Done():
				return nil
			}
		})
	}
	group.Go(func() error {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err := server.Shutdown(grace)
		if errors.Is(err, context.DeadlineExceeded) {
			err = server.Close() // long polls of nodes, which come again
		}
		return errors.Join(err, p.jobs.Stop(grace))
	})
	return group.Wait()
}

// close ends what open began, the last first.
func (p *platform) close(ctx context.Context) error {
	if p.pool != nil {
		p.pool.Close()
	}
	if p.postgres != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		return p.postgres.Stop(ctx)
	}
	return nil
}
