#include "commands/passphrase.hpp"

#include <whisperstore/core/error.hpp>

#include <fcntl.h>
#include <string_view>
#include <termios.h>
#include <unistd.h>

namespace whisperstore::cli {

namespace {

/// The terminal of this process, which does not show what is typed while the object lives.
class QuietTerminal
{
public:
    QuietTerminal() : descriptor_(::open("/dev/tty", O_RDWR | O_CLOEXEC))
    {
        if (descriptor_ < 0 || ::tcgetattr(descriptor_, &before_) != 0)
            throw StorageError(StorageErrc::invalid_argument,
                               "there is no terminal to ask for the passphrase: give --passphrase-file, or set "
                               "WHISPERENGINE_BACKUP_PASSPHRASE_FILE");
        termios quiet = before_;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        ::tcsetattr(descriptor_, TCSAFLUSH, &quiet);
    }
    ~QuietTerminal()
    {
        ::tcsetattr(descriptor_, TCSAFLUSH, &before_);
        ::close(descriptor_);
    }
    QuietTerminal(const QuietTerminal&) = delete;
    QuietTerminal& operator=(const QuietTerminal&) = delete;

    std::string ask(std::string_view question) const
    {
        say(question);
        std::string line;
        char character = 0;
        while (::read(descriptor_, &character, 1) == 1 && character != '\n')
            line.push_back(character);
        say("\n");
        return line;
    }

private:
    void say(std::string_view text) const
    {
        [[maybe_unused]] const auto written = ::write(descriptor_, text.data(), text.size());
    }

    int descriptor_;
    termios before_{};
};

} // namespace

bool can_ask_for_passphrase() noexcept { return ::isatty(STDIN_FILENO) == 1; }

std::string ask_for_passphrase(bool twice)
{
    const QuietTerminal terminal;
    std::string passphrase = terminal.ask("Passphrase of the backup: ");
    if (passphrase.empty())
        throw StorageError(StorageErrc::invalid_argument, "the passphrase is empty");
    if (twice && terminal.ask("Once more: ") != passphrase)
        throw StorageError(StorageErrc::invalid_argument, "the two passphrases differ");
    return passphrase;
}

} // namespace whisperstore::cli
