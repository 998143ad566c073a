package cli

import (
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"

	"codeberg.org/althing/althing/handlers/session"
	"codeberg.org/althing/althing/training/blobs/s3"
)

// Variable is an environment variable that the program reads.
type Variable struct{ Name, Help string }

// Environment lists every variable that the program reads. The compose file
// sets no other.
func Environment() []Variable {
	return []Variable{
		{"ALTHING_DIR", "where data lives (flag --dir)"},
		{"ALTHING_ADDR", "address to listen on (flag --addr)"},
		{"ALTHING_URL", "address under which people reach the site (flag --url)"},
		{"DATABASE_URL", "a Postgres of your own, 15 to 18; without it the program runs a private one"},
		{"PG_BIN", "folder with the programs of Postgres for the private one"},
		{"ALTHING_OIDC_ISSUER", "an OpenID provider; without one the site has accounts of its own"},
		{"ALTHING_OIDC_CLIENT_ID", "client id at the provider"},
		{"ALTHING_OIDC_CLIENT_SECRET", "client secret at the provider, if it gave one"},
		{"ALTHING_OIDC_NAME", "how the sign-in page names the provider"},
		{"ALTHING_LOCAL_ACCOUNTS", "yes keeps accounts of its own beside the provider"},
		{"ALTHING_S3_ENDPOINT", "an S3 server for artefacts; without one they are in the folder of data"},
		{"ALTHING_S3_BUCKET", "bucket at the S3 server, which must exist"},
		{"ALTHING_S3_REGION", "its region, us-east-1 if empty"},
		{"ALTHING_S3_ACCESS_KEY", "access key of the bucket"},
		{"ALTHING_S3_SECRET_KEY", "secret key of the bucket"},
		{"ALTHING_S3_PREFIX", "what every name in the bucket begins with"},
		{"ALTHING_CHECKPOINT", "file of the log's last checkpoint, or s3; log/checkpoint in the folder of data if empty"},
	}
}

// settings are what the platform is opened with.
type settings struct {
	Dir      string
	Addr     string
	URL      string // scheme and host, no slash at the end
	Database string
	Issuers  []session.Issuer
	Local    bool
	Bucket   s3.Config // of artefacts; no endpoint for a folder
	// Checkpoint is the file of the log's last checkpoint, "" for the usual
	// one, "s3" for an object of the bucket.
	Checkpoint string
	NewKeys    bool // the old keys are lost: those of the folder are the community's from now on
	Crowd      int  // people who may come in from one address at once; 0 keeps the usual limits
}

const defaultAddr = "localhost:8080"

// addSettings registers the flags that commands of the platform share.
func addSettings(set *flag.FlagSet) *settings {
	s := &settings{Database: os.Getenv("DATABASE_URL"), Bucket: s3FromEnvironment(), Checkpoint: os.Getenv("ALTHING_CHECKPOINT")}
	set.StringVar(&s.Dir, "dir", either(os.Getenv("ALTHING_DIR"), lastDir()), "folder where data lives")
	set.StringVar(&s.Addr, "addr", either(os.Getenv("ALTHING_ADDR"), defaultAddr), "address to listen on")
	set.StringVar(&s.URL, "url", os.Getenv("ALTHING_URL"), "address under which people reach the site; http://ADDR if empty")
	return s
}

// complete fills in what follows from the rest.
func (s *settings) complete() error {
	dir, err := filepath.Abs(s.Dir)
	if err != nil {
		return fmt.Errorf("folder %q: %w", s.Dir, err)
	}
	s.Dir = dir
	if s.URL == "" {
		host, port, err := net.SplitHostPort(s.Addr)
		if err != nil {
			return fmt.Errorf("%w: address %q: %w", errUsage, s.Addr, err)
		}
		if host == "" || host == "0.0.0.0" || host == "::" {
			host = "localhost"
		}
		s.URL = "http://" + net.JoinHostPort(host, port)
	}
	u, err := url.Parse(s.URL)
	if err != nil || u.Host == "" || u.Path != "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%w: --url %q must be a scheme and a host, as https://althing.example", errUsage, s.URL)
	}
	if issuer := os.Getenv("ALTHING_OIDC_ISSUER"); issuer != "" {
		s.Issuers = append(s.Issuers, session.Issuer{
			Name: "provider", Title: either(os.Getenv("ALTHING_OIDC_NAME"), issuer), URL: issuer,
			ClientID: os.Getenv("ALTHING_OIDC_CLIENT_ID"), ClientSecret: os.Getenv("ALTHING_OIDC_CLIENT_SECRET"), Private: true,
		})
	}
	s.Local = len(s.Issuers) == 0 || os.Getenv("ALTHING_LOCAL_ACCOUNTS") == "yes"
	return nil
}

// origin names the log for ever: the site's address without its scheme.
func (s *settings) origin() string {
	u, err := url.Parse(s.URL)
	if err != nil {
		return "althing/log"
	}
	return u.Host + "/log"
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// dataHome is where data lives by default: where XDG_DATA_HOME says, else
// /var/lib/althing for root, else below the home folder.
func dataHome() string {
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "althing")
	}
	if os.Geteuid() == 0 {
		return "/var/lib/althing"
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "althing-data"
	}
	return filepath.Join(home, ".local", "share", "althing")
}

// lastDir is the folder that was served last, so that “go run .” after a demo
// serves the demo's community.
func lastDir() string {
	if data, err := os.ReadFile(filepath.Join(dataHome(), "last")); err == nil && len(data) > 0 {
		if _, err := os.Stat(string(data)); err == nil {
			return string(data)
		}
	}
	return filepath.Join(dataHome(), "community")
}

// rememberDir makes a folder the one that is served next.
func rememberDir(dir string) error {
	if err := os.MkdirAll(dataHome(), 0o755); err != nil {
		return fmt.Errorf("remember folder: %w", err)
	}
	return os.WriteFile(filepath.Join(dataHome(), "last"), []byte(dir), 0o644)
}
