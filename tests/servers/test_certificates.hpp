#pragma once

#include "support/test_directory.hpp"

#include <filesystem>
#include <string>

namespace whisperstore::test {

/// An authority and certificates of it, made when the test runs; PEM files that go with the object.
class TestCertificates
{
public:
    TestCertificates();

    /// A certificate for `names` (OpenSSL's form, "DNS:localhost,IP:127.0.0.1"), with its key in the same file.
    /// \param name of the file
    std::filesystem::path issue(const std::string& name, const std::string& names) const;
    std::filesystem::path authority() const { return directory_ / "authority.pem"; }
    /// Of localhost, 127.0.0.1 and ::1.
    std::filesystem::path server() const { return directory_ / "server.pem"; }

private:
    TestDirectory directory_;
};

} // namespace whisperstore::test
