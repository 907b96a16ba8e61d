// A restore that is killed leaves the old content, the new one, or says that it is half done.
#include "integration/backup_fixture.hpp"
#include "integration/killed_restores.hpp"

#include <cstdlib>

namespace whisperstore::test {
namespace {

TEST_F(Backup, AKilledRestoreIsOldOrNewOrSaysThatItIsHalfDone)
{
    RestoredPlace place;
    place.data_dir = directory / "data";
    place.backups = {path, directory / "backups/other"};
    place.content = [](StorageLayer& layer) { return run(dump(layer)); };
    fill(*storage, 60);
    create();
    place.contents[0] = place.content(*storage);
    fill(*storage, 60, 500);
    create_of(*storage, place.backups[1]);
    place.contents[1] = place.content(*storage);
    run(storage->close());
    kill_restores(place, std::getenv("WHISPERSTORE_ALL_ROUNDS") ? 100 : 12);
    expect_no_work_folders(); // what the killed ones left went with the last one
}

} // namespace
} // namespace whisperstore::test
