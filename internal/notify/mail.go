package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/url"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"

	"doksportal/internal/portal"
)

// mailer sends mail through one server.
type mailer struct {
	host string
	port int
	from string
	ssl  bool
	tls  *tls.Config
	more []mail.Option
}

// newMailer reads the server's URL. Its errors do not show it, because it has
// a password.
func newMailer(cfg Config) (*mailer, error) {
	u, err := url.Parse(cfg.SMTPURL)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, errors.New("PORTAL_SMTP_URL cannot be read")
	}
	m := &mailer{host: u.Hostname(), from: cfg.SMTPFrom, ssl: u.Scheme == "smtps", port: 587,
		tls: &tls.Config{ServerName: u.Hostname(), RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12}}
	if m.ssl {
		m.port = 465
	}
	if u.Port() != "" {
		if m.port, err = strconv.Atoi(u.Port()); err != nil {
			return nil, errors.New("PORTAL_SMTP_URL has no usable port")
		}
	}
	m.more = m.security(u)
	_, err = m.client(context.Background())
	return m, err
}

// security is how the connection is kept from others: by TLS, but for servers
// on this machine that have none.
func (m *mailer) security(u *url.URL) []mail.Option {
	policy := mail.TLSMandatory
	if loopback(m.host) {
		policy = mail.TLSOpportunistic
	}
	options := []mail.Option{mail.WithTLSPolicy(policy), mail.WithTLSConfig(m.tls)}
	if m.ssl {
		options = append(options, mail.WithSSL())
	}
	if password, ok := u.User.Password(); ok {
		options = append(options, mail.WithUsername(u.User.Username()), mail.WithPassword(password),
			mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlain, mail.SMTPAuthLogin))
	}
	return options
}

// client returns a client whose connections end with ctx, whatever the server
// does.
func (m *mailer) client(ctx context.Context) (*mail.Client, error) {
	dial := func(dialCtx context.Context, network, address string) (net.Conn, error) {
		var dialer net.Dialer
		conn, err := dialer.DialContext(dialCtx, network, address)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = conn.Close() })
		if m.ssl {
			return tls.Client(conn, m.tls), nil
		}
		return conn, nil
	}
	options := append([]mail.Option{mail.WithPort(m.port), mail.WithTimeout(sendFor), mail.WithDialContextFunc(dial)}, m.more...)
	return mail.NewClient(m.host, options...)
}

// mailChannel is mail to any address, for teams only, whose channels admins set.
// People are told at their own.
var mailChannel = channelKind{
	refusal: func(s *Service, o portal.Owner) string {
		switch {
		case o.TeamID == "":
			return "Choose how to be notified."
		case !s.CanMail():
			return noMail
		}
		return ""
	},
	parse: func(_ *Service, typed string) (target, string, string) {
		return target{Address: typed}, typed, checkAddress(typed)
	},
	send: sendMail,
}

const noMail = "The portal has no mail server."

// sendMail sends a message to the target's address.
func sendMail(ctx context.Context, s *Service, t target, d claimed, m message) *failure {
	if s.mail == nil {
		return &failure{words: noMail}
	}
	if problem := checkAddress(t.Address); problem != "" {
		return &failure{problem, true}
	}
	letter, err := s.mail.letter(t.Address, d, m)
	if err != nil {
		return &failure{words: "The mail could not be written."}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // closes the connection
	client, err := s.mail.client(ctx)
	if err != nil {
		return &failure{words: "The mail server's settings cannot be used."}
	}
	if err := client.DialAndSendWithContext(ctx, letter); err != nil {
		return mailFailure(ctx, err, letter)
	}
	return nil
}

// SendText sends a mail of the portal's own, that is not about a request. It fails
// when the portal has no mail server.
func (s *Service) SendText(ctx context.Context, to []string, subject, body string) error {
	if s.mail == nil {
		return portal.E(portal.KindUnavailable, noMail)
	}
	letter := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := errors.Join(letter.From(s.mail.from), letter.To(to...)); err != nil {
		return err
	}
	letter.SetMessageID()
	letter.SetDateWithValue(s.Now())
	letter.Subject(subject)
	letter.SetGenHeader("Auto-Submitted", "auto-generated")
	letter.SetBodyString(mail.TypeTextPlain, body)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // closes the connection
	client, err := s.mail.client(ctx)
	if err != nil {
		return err
	}
	if err := client.DialAndSendWithContext(ctx, letter); err != nil {
		if f := mailFailure(ctx, err, letter); f != nil {
			return portal.E(portal.KindUnavailable, f.words, err)
		}
	}
	return nil
}

// letter writes a mail. Its id is the same for all attempts, so that mail
// programs know one that arrives twice.
func (m *mailer) letter(address string, d claimed, msg message) (*mail.Msg, error) {
	letter := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := errors.Join(letter.From(m.from), letter.To(address)); err != nil {
		return nil, err
	}
	_, domain, _ := strings.Cut(letter.GetFromString()[0], "@")
	letter.SetMessageIDWithValue(d.id + "@" + strings.Trim(domain, ">"))
	letter.SetDateWithValue(d.createdAt)
	letter.Subject("[DOKS Portal] " + msg.headline)
	letter.SetGenHeader("Auto-Submitted", "auto-generated")
	letter.SetBodyString(mail.TypeTextPlain, msg.text())
	return letter, nil
}

// mailFailure says why a mail was not taken. Servers' own words may name
// people and passwords, so that only their numbers are shown.
func mailFailure(ctx context.Context, err error, letter *mail.Msg) *failure {
	var refused *mail.SendError
	switch {
	case ctx.Err() != nil:
		return &failure{words: "The mail server did not answer in time."}
	case letter.IsDelivered():
		return nil // it took the mail and then ended badly
	case errors.As(err, &refused) && refused.ErrorCode() != 0:
		return &failure{words: fmt.Sprintf("The mail server refused it (%d).", refused.ErrorCode())}
	}
	f := connectionFailure(err)
	f.words = "The mail server: " + strings.ToLower(f.words[:1]) + f.words[1:]
	return f
}

// checkAddress says what is wrong with an e-mail address, empty when nothing
// is. Only the address itself may be there, without a name.
func checkAddress(address string) string {
	const most = 254
	parsed, err := netmail.ParseAddress(address)
	if err != nil || parsed.Name != "" || parsed.Address != address || len(address) > most || plain(address, most) != address {
		return "Enter an e-mail address like team@example.com."
	}
	return ""
}
