//go:build unix

package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// aptInstall installs Debian's package when we are root. Debian would make and
// start a cluster of its own on port 5432; a setting written before prevents
// that, and the owner of the machine can delete it.
func (s search) aptInstall(ctx context.Context, want int) error {
	apt, err := s.command("apt-get")
	if err != nil {
		return err
	}
	if s.euid != 0 {
		return errors.New("only root may install packages")
	}
	conf := filepath.Join(s.root, "etc/postgresql-common/createcluster.d/althing.conf")
	if err := os.MkdirAll(filepath.Dir(conf), 0o755); err != nil {
		return fmt.Errorf("keep Debian from making a cluster: %w", err)
	}
	const setting = "# Written by althing before it installed Postgres for itself: no cluster on port 5432.\ncreate_main_cluster = false\n"
	if err := os.WriteFile(conf, []byte(setting), 0o644); err != nil {
		return fmt.Errorf("keep Debian from making a cluster: %w", err)
	}
	name := "postgresql"
	if want != 0 {
		name = fmt.Sprintf("postgresql-%d", want)
	}
	s.log.InfoContext(ctx, "installing Postgres by apt-get", slog.String("package", name))
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	run := func(args ...string) error {
		cmd := exec.CommandContext(ctx, apt, args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
		if out, err := cmd.CombinedOutput(); err != nil {
			if len(out) > 500 {
				out = out[len(out)-500:]
			}
			return fmt.Errorf("apt-get %v: %w: %s", args, err, bytes.TrimSpace(out))
		}
		return nil
	}
	install := []string{"install", "-y", "--no-install-recommends", name}
	if run(install...) == nil {
		return nil
	}
	// The lists of packages may be old, or absent as in a fresh container.
	if err := run("update"); err != nil {
		return err
	}
	return run(install...)
}
