package main_test

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"codeberg.org/althing/althing/handlers/cli"
	"codeberg.org/althing/althing/web/href"
	"go.yaml.in/yaml/v3"
	"golang.org/x/crypto/bcrypt"
)

// composed is what these tests read of docker-compose.yml. There is no
// container engine where they run, so they check what would fail first: names
// that the program does not read, addresses that differ between two services,
// volumes and stages that are not there.
type composed struct {
	Services map[string]struct {
		Image, User string
		Build       struct{ Context, Target string }
		Environment map[string]string
		Command     []string
		Volumes     []string
		Ports       []string
		Profiles    []string
		Networks    map[string]struct{ Aliases []string }
		DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
		Healthcheck struct{ Test []string }
		Configs     []struct{ Source, Target string }
		ReadOnly    bool `yaml:"read_only"`
	}
	Volumes map[string]any
	Configs map[string]struct{ Content string }
}

// issuer is what these tests read of the configuration of Dex.
type issuer struct {
	Issuer        string
	StaticClients []struct {
		ID, Secret   string
		RedirectURIs []string `yaml:"redirectURIs"`
	} `yaml:"staticClients"`
	StaticPasswords []struct{ Email, Hash string } `yaml:"staticPasswords"`
}

func text(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	return string(data)
}

// interpolate does what Compose does before it reads a value: ${NAME:-default}
// becomes the default, $$ becomes $.
func interpolate(s string) string {
	s = regexp.MustCompile(`\$\{[A-Z0-9_]+:-([^}]*)\}`).ReplaceAllString(s, "$1")
	return strings.ReplaceAll(s, "$$", "$")
}

func compose(t *testing.T) composed {
	t.Helper()
	var c composed
	if err := yaml.Unmarshal([]byte(interpolate(text(t, "docker-compose.yml"))), &c); err != nil {
		t.Fatalf("docker-compose.yml: %v", err)
	}
	return c
}

func TestComposeSetsOnlyWhatTheProgramReads(t *testing.T) {
	t.Parallel()
	var known []string
	for _, v := range cli.Environment() {
		known = append(known, v.Name)
	}
	env := compose(t).Services["server"].Environment
	for name := range env {
		if !slices.Contains(known, name) {
			t.Errorf("the server is given %s, which it does not read; it reads %v", name, known)
		}
	}
	for _, name := range []string{"DATABASE_URL", "ALTHING_URL", "ALTHING_ADDR", "ALTHING_DIR", "ALTHING_OIDC_ISSUER", "ALTHING_OIDC_CLIENT_ID"} {
		if env[name] == "" {
			t.Errorf("the server is not given %s", name)
		}
	}
	manual := text(t, "docs/operating.md")
	for _, name := range known {
		if !strings.Contains(manual, "`"+name+"`") {
			t.Errorf("docs/operating.md does not explain %s", name)
		}
	}
}

func TestComposeServicesFitTogether(t *testing.T) {
	t.Parallel()
	c := compose(t)
	docker := text(t, "Dockerfile")
	for _, name := range []string{"database", "issuer", "server", "node1", "node2"} {
		if _, ok := c.Services[name]; !ok {
			t.Errorf("there is no service %s", name)
		}
	}
	for name, s := range c.Services {
		if s.Build.Context != "" && !strings.Contains(docker, "AS "+s.Build.Target+"\n") {
			t.Errorf("%s builds the stage %q, which the Dockerfile has not", name, s.Build.Target)
		}
		if s.Build.Context == "" && !regexp.MustCompile(`:v?[0-9]`).MatchString(s.Image) {
			t.Errorf("%s runs %q, which names no version", name, s.Image)
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if _, declared := c.Volumes[from]; !declared && !strings.HasPrefix(from, "./") {
				t.Errorf("%s mounts %s, which is no volume", name, from)
			}
		}
		for other, d := range s.DependsOn {
			if d.Condition != "service_healthy" || len(c.Services[other].Healthcheck.Test) == 0 {
				t.Errorf("%s waits for %s to be %q, but its check is %v", name, other, d.Condition, c.Services[other].Healthcheck.Test)
			}
		}
		for _, use := range s.Configs {
			if c.Configs[use.Source].Content == "" {
				t.Errorf("%s uses the config %s, which is empty", name, use.Source)
			}
		}
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s opens %s to the network; a trial is for this machine", name, port)
			}
		}
	}
	if got := c.Services["server"].Healthcheck.Test; len(got) == 0 || !strings.HasSuffix(got[len(got)-1], href.Health()) {
		t.Errorf("the server's check is %v, want %s", got, href.Health())
	}
	for _, name := range []string{"node1", "node2"} {
		if s := c.Services[name]; !slices.Contains(s.Profiles, "nodes") || s.Build.Target != "node" || s.Command[0] != "run" {
			t.Errorf("%s: profile %v, stage %q, command %v", name, s.Profiles, s.Build.Target, s.Command)
		}
	}
}

func TestComposeIssuerKnowsTheServer(t *testing.T) {
	t.Parallel()
	c := compose(t)
	var dex issuer
	if err := yaml.Unmarshal([]byte(c.Configs["dex"].Content), &dex); err != nil {
		t.Fatalf("configuration of Dex: %v", err)
	}
	env := c.Services["server"].Environment
	if dex.Issuer != env["ALTHING_OIDC_ISSUER"] {
		t.Errorf("the issuer calls itself %q, the server %q", dex.Issuer, env["ALTHING_OIDC_ISSUER"])
	}
	if len(dex.StaticClients) != 1 {
		t.Fatalf("%d clients, want one", len(dex.StaticClients))
	}
	client := dex.StaticClients[0]
	if client.ID != env["ALTHING_OIDC_CLIENT_ID"] || client.Secret != env["ALTHING_OIDC_CLIENT_SECRET"] {
		t.Errorf("the issuer's client is %s with %q, the server's %s with %q",
			client.ID, client.Secret, env["ALTHING_OIDC_CLIENT_ID"], env["ALTHING_OIDC_CLIENT_SECRET"])
	}
	if want := env["ALTHING_URL"] + href.SignInCallback() + "/provider"; !slices.Contains(client.RedirectURIs, want) {
		t.Errorf("the issuer leads back to %v, want %s", client.RedirectURIs, want)
	}
	for _, host := range []struct{ service, url string }{{"issuer", dex.Issuer}, {"server", env["ALTHING_URL"]}} {
		name := regexp.MustCompile(`//([^:/]+)`).FindStringSubmatch(host.url)[1]
		if got := c.Services[host.service].Networks["default"].Aliases; !slices.Contains(got, name) {
			t.Errorf("%s is called %v within, and %s by a browser", host.service, got, name)
		}
	}
	manual := text(t, "docs/operating.md")
	for _, person := range dex.StaticPasswords {
		if err := bcrypt.CompareHashAndPassword([]byte(person.Hash), []byte("althing")); err != nil {
			t.Errorf("the password of %s is not the one that is documented: %v", person.Email, err)
		}
		if !strings.Contains(manual, person.Email) {
			t.Errorf("docs/operating.md does not name %s", person.Email)
		}
	}
}

func TestImagesAreStaticAndUnprivileged(t *testing.T) {
	t.Parallel()
	docker := text(t, "Dockerfile")
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(text(t, "go.mod"))[1]
	if !strings.Contains(docker, "FROM golang:"+version+"-") || !strings.Contains(docker, "ENV CGO_ENABLED=0") {
		t.Errorf("the Dockerfile does not build statically with Go %s", version)
	}
	stages := strings.Split(docker, "\nFROM ")
	for _, stage := range stages {
		if !strings.HasPrefix(stage, "scratch AS") {
			continue
		}
		head, _, _ := strings.Cut(stage, "\n")
		user := regexp.MustCompile(`(?m)^USER ([1-9][0-9]*):[1-9]`).FindStringIndex(stage)
		entry := strings.Index(stage, "\nENTRYPOINT [")
		if user == nil || entry < user[0] {
			t.Errorf("%s: want a USER by number, and an ENTRYPOINT after it", head)
		}
	}
	for _, m := range regexp.MustCompile(`go build .* (\./?\S*|\.)(?: |$)`).FindAllStringSubmatch(docker, -1) {
		if files, err := os.ReadDir(path.Clean(m[1])); err != nil || !slices.ContainsFunc(files, func(f os.DirEntry) bool { return f.Name() == "main.go" }) {
			t.Errorf("the Dockerfile builds %s, which holds no main.go (%v)", m[1], err)
		}
	}
}
